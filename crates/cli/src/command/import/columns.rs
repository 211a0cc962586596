//! Which column of a table is which field of an event.

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Number, Value};

use super::row::Fault;

/// Fields that are text, with the other names that the service knows them by.
const TEXTS: [(&str, &[&str]); 7] = [
    ("provider", &[]),
    ("event_id", &[]),
    ("event_name", &["event_type", "type"]),
    ("recipient_id", &["user_id"]),
    ("message_id", &[]),
    ("campaign_id", &[]),
    ("channel", &[]),
];
const TIME: (&str, &[&str]) = ("occurred_at", &["timestamp"]);
const TAGS: &str = "tags";
const METADATA: &str = "metadata";
/// What the name of a column begins with whose cells are one member of the metadata.
const MEMBER: &str = "metadata.";
/// What stands between tags.
pub(crate) const TAG_SEPARATOR: char = ';';

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Text,
    Time,
    Tags,
    Metadata,
    /// The member of the metadata with this name.
    Member(String),
}

/// A column under the name that the table gives it: the service takes every name, and says by it what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    /// The field's first name.
    field: String,
    kind: Kind,
}

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// If a column is unknown, or two are the same field.
    pub(super) fn of<'a>(header: impl Iterator<Item = &'a str>) -> Result<Columns> {
        let mut columns: Vec<Column> = Vec::new();
        for name in header.map(str::trim) {
            let Some(column) = column(name) else {
                bail!(
                    "there is no column `{name}`: columns are {}, tags, metadata and metadata.NAME",
                    known_names().join(", ")
                );
            };
            if let Some(other) = columns.iter().find(|other| other.field == column.field) {
                bail!("the columns `{}` and `{name}` are the same field", other.name);
            }
            columns.push(column);
        }
        ensure!(!columns.is_empty(), "the first row must name the columns");
        Ok(Columns(columns))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The cells under their columns' names, as they were written.
    pub(super) fn written<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Value {
        self.0.iter().zip(cells).map(|(column, cell)| (column.name.clone(), Value::from(cell))).collect()
    }

    /// The event that a row of cells stands for, or everything that is wrong with it. An empty cell is absent.
    pub(super) fn event<'a>(&self, cells: impl Iterator<Item = &'a str>) -> Result<Value, Vec<Fault>> {
        let mut event = Map::new();
        let mut metadata = Map::new();
        let mut members = Map::new();
        let mut faults = Vec::new();
        for (column, cell) in self.0.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            let value = match &column.kind {
                Kind::Text => Ok(Value::from(cell)),
                Kind::Time => Ok(time(cell)),
                Kind::Tags => tags(cell).map(Value::from),
                Kind::Metadata => match object(cell) {
                    Ok(object) => {
                        metadata = object;
                        continue;
                    }
                    Err(detail) => Err(detail),
                },
                Kind::Member(name) => {
                    members.insert(name.clone(), cell.into());
                    continue;
                }
            };
            match value {
                Ok(value) => drop(event.insert(column.name.clone(), value)),
                Err(detail) => faults.push(Fault::of_field(&column.name, detail)),
            }
        }
        // A column of its own goes before what the whole says.
        metadata.extend(members);
        if !metadata.is_empty() {
            event.insert(METADATA.into(), metadata.into());
        }
        if faults.is_empty() { Ok(event.into()) } else { Err(faults) }
    }
}

fn column(name: &str) -> Option<Column> {
    let of = |field: &str, kind| Some(Column { name: name.into(), field: field.into(), kind });
    let is = |(field, aliases): &(&str, &[&str])| *field == name || aliases.contains(&name);
    if let Some((field, _)) = TEXTS.iter().find(|names| is(names)) {
        return of(field, Kind::Text);
    }
    if is(&TIME) {
        return of(TIME.0, Kind::Time);
    }
    match name {
        TAGS => of(TAGS, Kind::Tags),
        METADATA => of(METADATA, Kind::Metadata),
        _ => {
            let member = name.strip_prefix(MEMBER).filter(|member| !member.is_empty())?;
            of(name, Kind::Member(member.into()))
        }
    }
}

fn known_names() -> Vec<String> {
    let with_aliases = |(name, aliases): &(&str, &[&str])| match aliases {
        [] => (*name).to_owned(),
        _ => format!("{name} (or {})", aliases.join(" or ")),
    };
    TEXTS.iter().chain([&TIME]).map(with_aliases).collect()
}

/// Whole numbers are seconds since the epoch; whether anything else is a time is for the service to say.
fn time(cell: &str) -> Value {
    cell.trim().parse::<i64>().map_or_else(|_| cell.into(), |seconds| Number::from(seconds).into())
}

/// Tags, separated; or an array of JSON, for tags that hold the separator.
fn tags(cell: &str) -> Result<Vec<String>, String> {
    if cell.starts_with('[') {
        return serde_json::from_str(cell).map_err(|error| format!("is no JSON array of texts: {error}"));
    }
    Ok(cell.split(TAG_SEPARATOR).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
}

fn object(cell: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(cell).map_err(|error| format!("is no JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns(header: &str) -> Result<Columns> {
        Columns::of(header.split(','))
    }

    fn event(header: &str, cells: &[&str]) -> Result<Value, Vec<Fault>> {
        columns(header).unwrap().event(cells.iter().copied())
    }

    #[test]
    fn cells_become_fields_under_the_names_of_their_columns() {
        let header = "type, user_id,timestamp,provider,tags,metadata,metadata.plan.name,channel";
        let cells = [
            "signup",
            "00042",
            "1770000000",
            "",
            " a ; b;;",
            "{\"n\":1.5,\"deep\":{\"x\":null}}",
            "pro",
            " ",
        ];
        let expected = json!({
            "type": "signup", "user_id": "00042", "timestamp": 1_770_000_000, "tags": ["a", "b"],
            "metadata": {"n": 1.5, "deep": {"x": null}, "plan.name": "pro"}, "channel": " "
        });
        assert_eq!(event(header, &cells), Ok(expected));
        assert_eq!(event("event_name,metadata,metadata.a,tags", &["", "{}", "", ""]), Ok(json!({})));
    }

    #[test]
    fn only_whole_numbers_are_seconds() {
        for (cell, value) in [
            ("0", json!(0)),
            (" 17 ", json!(17)),
            ("-1", json!(-1)),
            ("1.5", json!("1.5")),
            ("99999999999999999999", json!("99999999999999999999")),
            ("2026-02-02T08:15:30Z", json!("2026-02-02T08:15:30Z")),
        ] {
            assert_eq!(event("occurred_at", &[cell]), Ok(json!({ "occurred_at": value })), "{cell}");
        }
        assert_eq!(event("event_id", &["17"]), Ok(json!({ "event_id": "17" })), "an id stays a text");
    }

    #[test]
    fn tags_with_separators_are_an_array() {
        assert_eq!(event("tags", &["[\"a;b\",\" c\"]"]), Ok(json!({ "tags": ["a;b", " c"] })));
        let faults = event("tags,metadata,type", &["[1]", "[]", "x"]).unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["#/tags", "#/metadata"]);
        assert!(faults[0].detail.starts_with("is no JSON array of texts: "), "{faults:?}");
    }

    #[test]
    fn a_column_nobody_knows_or_given_twice_is_an_error() {
        let error = columns("type,recipient").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no column `recipient`: columns are provider, event_id, "),
            "{error}"
        );
        assert!(error.contains("event_name (or event_type or type)"), "{error}");
        let twice = columns("type,user_id,event_name").unwrap_err().to_string();
        assert_eq!(twice, "the columns `type` and `event_name` are the same field");
        for header in ["", "metadata.", "Type", "metadata.a,metadata.a"] {
            assert!(columns(header).is_err(), "{header}");
        }
        assert!(columns("metadata,metadata.a,metadata.b").is_ok());
    }
}
