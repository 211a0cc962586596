//! Compares an answer that a page shows with the one that came: ids and times differ, the form must not.

use serde_json::Value;

/// Where `came` has another form than `shown`: other keys, or values of another type. Null stands for any value, and the
/// first item of a list for all of them.
pub(crate) fn difference(shown: &Value, came: &Value) -> Option<String> {
    compare("#", shown, came)
}

fn compare(place: &str, shown: &Value, came: &Value) -> Option<String> {
    match (shown, came) {
        (Value::Object(shown), Value::Object(came)) => {
            let missing = shown.keys().find(|key| !came.contains_key(*key));
            let unknown = came.keys().find(|key| !shown.contains_key(*key));
            if let Some(key) = missing {
                return Some(format!("{place}/{key} is shown but did not come"));
            }
            if let Some(key) = unknown {
                return Some(format!("{place}/{key} came but is not shown"));
            }
            shown.iter().find_map(|(key, value)| compare(&format!("{place}/{key}"), value, &came[key]))
        }
        (Value::Array(shown), Value::Array(came)) => match (shown.first(), came.first()) {
            (Some(shown), Some(came)) => compare(&format!("{place}/0"), shown, came),
            (None, None) => None,
            _ => Some(format!("{place} is empty on one side only")),
        },
        (Value::Null, _) | (_, Value::Null) => None,
        _ if std::mem::discriminant(shown) == std::mem::discriminant(came) => None,
        _ => Some(format!("{place} came as {came}, but {shown} is shown")),
    }
}

#[test]
fn the_form_counts_and_not_the_value() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let shown = read(r#"{"id":"a","at":null,"items":[{"n":1}],"none":[]}"#);
    for same in [
        r#"{"id":"b","at":"now","items":[{"n":2},{"m":1}],"none":[]}"#,
        r#"{"id":null,"at":null,"items":[{"n":0}],"none":[]}"#,
    ] {
        assert_eq!(difference(&shown, &read(same)), None, "{same}");
    }
    for (other, place) in [
        (r#"{"at":null,"items":[{"n":1}],"none":[]}"#, "#/id"),
        (r#"{"id":"a","at":null,"items":[{"n":1}],"none":[],"x":1}"#, "#/x"),
        (r#"{"id":1,"at":null,"items":[{"n":1}],"none":[]}"#, "#/id"),
        (r#"{"id":"a","at":null,"items":[],"none":[]}"#, "#/items"),
        (r#"{"id":"a","at":null,"items":[{"n":"1"}],"none":[]}"#, "#/items/0/n"),
    ] {
        let found = difference(&shown, &read(other)).unwrap();
        assert!(found.starts_with(place), "{found}");
    }
}
