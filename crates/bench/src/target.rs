//! The service that is measured.

use http::header::{AUTHORIZATION, HOST, HeaderMap};
use http::{HeaderValue, Uri};
use url::Url;

use crate::{BenchError, Result};

/// Where a service answers, and with which key.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host and port.
    pub(crate) address: String,
    /// What every request carries.
    pub(crate) headers: HeaderMap,
    /// What stands before every path.
    prefix: String,
}

impl Target {
    /// A service at `http://HOST:PORT`, maybe below a path. TLS is not spoken: it would be what is measured.
    ///
    /// # Errors
    /// If the address is another one, or if the key cannot stand in a header.
    pub fn new(url: &str, key: Option<&str>) -> Result<Target> {
        let refused = || BenchError::Address(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let (Some(host), "http") = (parsed.host_str(), parsed.scheme()) else { return Err(refused()) };
        let address = format!("{host}:{}", parsed.port_or_known_default().unwrap_or(80));
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(&address).map_err(|_| refused())?);
        if let Some(key) = key {
            let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| BenchError::Key)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Target { address, headers, prefix: parsed.path().trim_end_matches('/').to_owned() })
    }

    /// The path of a request there.
    pub(crate) fn uri(&self, uri: &Uri) -> Uri {
        if self.prefix.is_empty() {
            return uri.clone();
        }
        // Both parts are paths already.
        Uri::try_from(format!("{}{uri}", self.prefix)).unwrap_or_else(|_| uri.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_http() {
        let target = Target::new("http://127.0.0.1:8080/", Some("k")).unwrap();
        assert_eq!(target.address, "127.0.0.1:8080");
        assert_eq!(target.headers[HOST], "127.0.0.1:8080");
        let below = Target::new("http://h/below", None).unwrap();
        assert_eq!(below.address, "h:80");
        assert_eq!(below.uri(&Uri::from_static("/api?x=1")), "/below/api?x=1");
        for url in ["https://h", "h:1", "", "ftp://h"] {
            assert!(Target::new(url, None).is_err(), "{url}");
        }
        assert!(matches!(Target::new("http://h", Some("\n")), Err(BenchError::Key)));
        assert!(!format!("{target:?}").contains("Bearer"));
    }
}
