//! Data on stdout. A reader that goes away, as `head` does, is no error: what is left is not written.

use std::io::{ErrorKind, Write};

use crate::error::CliError;

/// Where data goes.
pub(crate) struct DataOut<'a> {
    sink: &'a mut dyn Write,
    is_open: bool,
}

impl<'a> DataOut<'a> {
    /// Writes to a sink.
    pub(crate) fn new(sink: &'a mut dyn Write) -> Self {
        Self { sink, is_open: true }
    }

    /// Writes all of it now.
    ///
    /// # Errors
    /// [`CliError::Stdout`] for any fault but a closed pipe.
    pub(crate) fn write(&mut self, data: impl AsRef<[u8]>) -> Result<(), CliError> {
        if !self.is_open {
            return Ok(());
        }
        match self.sink.write_all(data.as_ref()).and_then(|()| self.sink.flush()) {
            Err(source) if source.kind() == ErrorKind::BrokenPipe => {
                self.is_open = false;
                Ok(())
            }
            written => written.map_err(|source| CliError::Stdout { source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, Write};

    use super::DataOut;
    use crate::complaint::complaint;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(self.0, "no room"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn data_arrives_in_order() {
        let mut sink = Vec::new();
        let mut out = DataOut::new(&mut sink);
        out.write("a").unwrap();
        out.write(b"b").unwrap();
        assert_eq!(sink, b"ab");
    }

    #[test]
    fn a_broken_pipe_is_quiet_and_a_full_disk_is_not() {
        let mut pipe = Broken(ErrorKind::BrokenPipe);
        let mut out = DataOut::new(&mut pipe);
        out.write("a").unwrap();
        out.write("b").unwrap();
        let mut disk = Broken(ErrorKind::StorageFull);
        let error = DataOut::new(&mut disk).write("a").unwrap_err();
        assert_eq!(complaint(&error), "error: cannot write to stdout: no room\n");
    }
}
