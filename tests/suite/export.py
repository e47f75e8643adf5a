"""Whether MetricFlow takes exported definitions: the semantic manifest, and the Ossie document.

    python tests/suite/export.py SEMANTIC_MANIFEST OSSIE_DOCUMENT

Out: how many metrics the manifest has, and how many of the document became metrics. The exit status is 1, with the reasons on stderr,
if a form cannot be parsed or MetricFlow's own validation finds an error.
"""

import pathlib
import sys

from metricflow.converters.models import OSIDocument
from metricflow.converters.osi_to_msi import OSIToMSIConverter
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.transformations.semantic_manifest_transformer import (
    PydanticSemanticManifestTransformer,
)
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator


def main():
    manifest_file, document_file = (pathlib.Path(argument) for argument in sys.argv[1:])
    manifest = PydanticSemanticManifest.parse_raw(manifest_file.read_text(encoding="utf-8"))
    asked = len(manifest.metrics)
    # In this order: dbt validates what it wrote, MetricFlow transforms what it reads.
    errors = SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(manifest).errors
    PydanticSemanticManifestTransformer.transform(manifest)
    for error in errors:
        print(error.as_readable_str(), file=sys.stderr)
    document = OSIDocument.parse_raw(document_file.read_text(encoding="utf-8"))
    taken = OSIToMSIConverter().convert(document).output
    print(f"{asked} metrics in the manifest, {len(taken.metrics)} from the Ossie document")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
