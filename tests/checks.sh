#!/usr/bin/env bash
# Rules of the tree that no compiler checks: sizes, first lines, and words that have no place here.
# Looks at files that are tracked or about to be; says every fault, and exits with 1 if there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

faults=0
fault() {
    echo "checks: $*" >&2
    faults=$((faults + 1))
}

# Most lines of code in a Rust file; a file that outgrows them usually holds two ideas.
code_lines=500
# Bytes of any file outside data/, and of all of data/.
file_bytes=$((1024 * 1024))
data_bytes=$((8 * 1024 * 1024))

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard)
total=0
for file in "${files[@]}"; do
    [ -f "$file" ] || continue
    bytes=$(stat -c %s "$file")
    case "$file" in
    data/*) total=$((total + bytes)) ;;
    *) [ "$bytes" -le "$file_bytes" ] || fault "$file: $bytes bytes, expected at most $file_bytes" ;;
    esac
    case "$file" in
    *.rs)
        lines=$(grep -cvE '^[[:space:]]*(//|$)' "$file" || true)
        [ "$lines" -le "$code_lines" ] || fault "$file: $lines lines of code, expected at most $code_lines"
        head -n 1 "$file" | grep -q '^//!' || fault "$file: expected \`//!\` on the first line, saying what the file is for"
        ;;
    esac
done
[ "$total" -le "$data_bytes" ] || fault "data/: $total bytes, expected at most $data_bytes"

# Paths of one machine, hosts of registries, marks of work that is not done, and talk about how the tree was made.
# The brackets keep a word from matching itself here.
words=(
    '/[r]oot/' '/[w]ork/' '/[h]ome/[a-z]+/' '/[t]mp/[a-z]+'
    '[i]ndex\.crates\.io' '[s]tatic\.crates\.io' '[f]iles\.pythonhosted\.org'
    '\b[F]IXME\b' '\b[X]XX\b' '[t]odo!\(' '[u]nimplemented!\(' '[d]bg!\(' '#\[[i]gnore'
    '[h]elper session' '[s]ub-?agent' '[A]I-generated' '[l]anguage model'
)
pattern=$(
    IFS='|'
    echo "${words[*]}"
)
while IFS= read -r line; do
    fault "a word that has no place here: $line"
done < <(
    printf '%s\0' "${files[@]}" |
        grep -zvE '^(Cargo\.lock|data/)' |
        xargs -0 grep -nIE --no-messages -- "$pattern" |
        cut -c 1-200 || true
)

[ "$faults" -eq 0 ] || exit 1
