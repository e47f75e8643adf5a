//! An error as a person reads it: what is wrong with its causes, an empty line, what may help.

use std::error::Error;

const HINT: &str = "\n\nhint: ";

/// The text of an error, with a line break at its end.
///
/// A cause is added where no message before it says the same; the first hint of the chain comes last.
pub(crate) fn complaint(error: &dyn Error) -> String {
    let (mut message, mut hint) = parts(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let (text, own_hint) = parts(cause);
        if !text.is_empty() && !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        hint = hint.or(own_hint);
        source = cause.source();
    }
    match hint {
        Some(hint) => format!("error: {message}{HINT}{hint}\n"),
        None => format!("error: {message}\n"),
    }
}

/// Message and hint of one link of the chain.
fn parts(error: &dyn Error) -> (String, Option<String>) {
    let text = error.to_string();
    match text.split_once(HINT) {
        Some((message, hint)) => (message.to_owned(), Some(hint.trim_end().to_owned())),
        None => (text.trim_end().to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use thiserror::Error;

    use super::complaint;

    #[derive(Debug, Error)]
    #[error("{message}")]
    struct Link {
        message: &'static str,
        #[source]
        cause: Option<Box<dyn Error>>,
    }

    fn link(message: &'static str, cause: impl Error + 'static) -> Link {
        Link { message, cause: Some(Box::new(cause)) }
    }

    #[test]
    fn causes_follow_and_the_hint_is_last() {
        let error = link("cannot write `a`\n\nhint: name another folder", io::Error::other("disk full"));
        assert_eq!(complaint(&error), "error: cannot write `a`: disk full\n\nhint: name another folder\n");
        let error = link("cannot run", link("no lake\n\nhint: make one", io::Error::other("not found")));
        assert_eq!(complaint(&error), "error: cannot run: no lake: not found\n\nhint: make one\n");
    }

    #[test]
    fn nothing_is_said_twice() {
        let error = link("cannot write `a`: disk full", io::Error::other("disk full"));
        assert_eq!(complaint(&error), "error: cannot write `a`: disk full\n");
        let error = Link { message: "wrong", cause: None };
        assert_eq!(complaint(&error), "error: wrong\n");
    }
}
