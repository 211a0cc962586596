//! A row of what is imported, whatever it was written in.

use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest row, in bytes: what the service takes as one line.
pub(super) const ROW_BYTES_MAX: usize = 1024 * 1024;

/// What is wrong with a row, in the form in which the service says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    /// Where: a JSON pointer.
    pub(super) pointer: String,
    pub(super) detail: String,
}

impl Fault {
    /// A fault of the row as a whole.
    pub(super) fn of_row(detail: impl Into<String>) -> Fault {
        Fault { pointer: "#".into(), detail: detail.into() }
    }

    /// A fault of one field.
    pub(super) fn of_field(name: &str, detail: impl Into<String>) -> Fault {
        Fault { pointer: format!("#/{}", name.replace('~', "~0").replace('/', "~1")), detail: detail.into() }
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line it begins in, from 1; in a JSON array the number of the element.
    pub(super) line: u64,
    /// What is sent, or what is wrong with it.
    pub(super) event: Result<Box<RawValue>, Vec<Fault>>,
    /// How it was written, if that is not what is sent.
    pub(super) written: Option<Value>,
}

impl Row {
    /// A row that is sent as it was written.
    pub(super) fn plain(line: u64, event: Box<RawValue>) -> Row {
        if event.get().len() > ROW_BYTES_MAX {
            return Row::too_long(line);
        }
        Row { line, event: Ok(event), written: None }
    }

    /// A row that is too long to be sent, and to be shown.
    pub(super) fn too_long(line: u64) -> Row {
        let fault = Fault::of_row(format!("is longer than {ROW_BYTES_MAX} bytes"));
        Row { line, event: Err(vec![fault]), written: None }
    }

    /// How much of a request it takes.
    pub(super) fn bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.get().len())
    }
}

/// Takes rows one by one, and says whether it wants more.
pub(super) type Take<'a> = dyn FnMut(Row) -> ControlFlow<()> + 'a;
