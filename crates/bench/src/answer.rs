//! What an answer says.

use std::borrow::Cow;

use http::StatusCode;

use crate::workload::{Call, Kind};

/// The status of an answer, and how it begins.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) head: Vec<u8>,
}

/// Items that were taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) created: u64,
    pub(crate) duplicates: u64,
}

impl Answer {
    /// What was taken in, or what is wrong.
    pub(crate) fn judge(&self, kind: Kind, call: &Call) -> Result<Taken, String> {
        let new = Taken { created: call.items, duplicates: 0 };
        match (kind, self.status) {
            (Kind::Event, StatusCode::CREATED)
            | (Kind::Notifications, StatusCode::ACCEPTED)
            | (Kind::Read, StatusCode::OK) => Ok(new),
            (Kind::Event | Kind::Notifications, StatusCode::OK) => {
                Ok(Taken { created: 0, duplicates: call.items })
            }
            (Kind::Events, StatusCode::OK) => {
                let head = self.text();
                let counted = (number(&head, "created"), number(&head, "duplicates"));
                match counted {
                    (Some(created), Some(duplicates)) if created + duplicates == call.items => {
                        Ok(Taken { created, duplicates })
                    }
                    _ => Err(self.fault(kind, call, "not every event was accepted")),
                }
            }
            (_, StatusCode::NOT_FOUND) => Err(self.fault(kind, call, "this service does not know the path")),
            _ => Err(self.fault(kind, call, "that was not expected")),
        }
    }

    /// How the body begins.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.head)
    }

    fn fault(&self, kind: Kind, call: &Call, what: &str) -> String {
        let head = self.text();
        let (method, path) = (kind.method(), call.uri.path());
        format!("{method} {path} answers {}: {what}: {}", self.status.as_u16(), head.trim_end())
    }
}

/// The number at a key of a JSON object, which stands before any value that could hold the same key.
fn number(json: &str, key: &str) -> Option<u64> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    let rest = rest.trim_start();
    rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use hyper::body::Bytes;

    use super::*;

    fn judge(kind: Kind, status: u16, head: &str) -> Result<Taken, String> {
        let call = Call { uri: Uri::from_static("/p?q=1"), body: Bytes::new(), items: 3, fresh: 3 };
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, head: head.into() }.judge(kind, &call)
    }

    #[test]
    fn what_was_taken_in_is_counted() {
        let taken = |created, duplicates| Ok(Taken { created, duplicates });
        assert_eq!(judge(Kind::Event, 201, ""), taken(3, 0));
        assert_eq!(judge(Kind::Event, 200, ""), taken(0, 3));
        assert_eq!(judge(Kind::Notifications, 202, ""), taken(3, 0));
        assert_eq!(judge(Kind::Read, 200, ""), taken(3, 0));
        let head = r#"{"accepted_count":3,"created":1,"duplicates":2,"conflicts":0,"results":[{"index":0"#;
        assert_eq!(judge(Kind::Events, 200, head), taken(1, 2));
    }

    #[test]
    fn what_went_wrong_is_said() {
        let head = r#"{"accepted_count":2,"created":1,"duplicates":1,"conflicts":1,"#;
        for (kind, status, head) in [
            (Kind::Events, 200, head),
            (Kind::Events, 200, "[]"),
            (Kind::Event, 503, "busy"),
            (Kind::Read, 202, ""),
        ] {
            assert!(judge(kind, status, head).unwrap_err().contains(&format!("/p answers {status}: ")));
        }
        let unknown = judge(Kind::Read, 404, "{}").unwrap_err();
        assert_eq!(unknown, "GET /p answers 404: this service does not know the path: {}");
    }
}
