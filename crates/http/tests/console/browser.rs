//! A browser: it keeps cookies, says where its requests come from, and holds every page against what is promised of all.

use std::collections::{BTreeMap, BTreeSet};

use angaros_domain::api_key::Scope;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use url::form_urlencoded::Serializer;

use crate::html;
use crate::support::App;

/// What a page may weigh, in bytes.
const PAGE_BYTES_MAX: usize = 100_000;

/// A browser that looks at an app's console.
pub(crate) struct Browser<'a> {
    app: &'a App,
    cookies: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(app: &'a App) -> Browser<'a> {
        Browser { app, cookies: BTreeMap::new() }
    }

    /// A browser whose user has signed in with a fresh key.
    pub(crate) async fn signed_in(app: &'a App, scopes: &[Scope]) -> Browser<'a> {
        let key = app.key("default", scopes).await;
        let mut browser = Browser::new(app);
        browser.sign_in(&key).await.is(303);
        browser
    }

    pub(crate) async fn sign_in(&mut self, key: &str) -> Page {
        self.submit("/console/sign-in", &[("key", key)]).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.get_from(path, &[]).await
    }

    /// Opens a page with headers of choice.
    pub(crate) async fn get_from(&mut self, path: &str, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form from one of the console's own pages.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.submit_from(path, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    /// Opens a page and sends its form as a user does: with what the page hides in it.
    pub(crate) async fn fill(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let hidden = self.get(page).await.is(200).hidden();
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.submit(action, &hidden.chain(fields.iter().copied()).collect::<Vec<_>>()).await
    }

    /// Sends a form with headers of choice.
    pub(crate) async fn submit_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.post(path, body, &[headers, &[kind]].concat()).await
    }

    /// Sends a body of another type, from one of the console's own pages.
    pub(crate) async fn submit_typed(&mut self, path: &str, kind: &str) -> Page {
        let headers = [("sec-fetch-site", "same-origin"), ("content-type", kind)];
        self.post(path, String::new(), &headers).await
    }

    async fn post(&mut self, path: &str, body: String, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
        }
        let (parts, body) = self.app.router.clone().oneshot(request).await.unwrap().into_parts();
        let body: Bytes = body.collect().await.unwrap().to_bytes();
        let page = Page {
            status: parts.status,
            headers: parts.headers,
            html: String::from_utf8(body.to_vec()).unwrap(),
        };
        for line in page.headers.get_all("set-cookie") {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if page.is_html() {
            page.check();
        }
        page
    }

    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookies.get("angaros_session").map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, value: &str) {
        self.cookies.insert("angaros_session".to_owned(), value.to_owned());
    }
}

impl Page {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Page {
        assert_eq!(self.status.as_u16(), status, "{}", self.words());
        self
    }

    /// Holds that it leads elsewhere, by GET; where to.
    #[track_caller]
    pub(crate) fn leads_to(&self, expected: &str) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.words());
        let location = self.headers["location"].to_str().unwrap();
        assert_eq!(location.split('?').next().unwrap(), expected);
        location
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Page {
        assert!(self.words().contains(text), "no {text:?} in: {}", self.words());
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(&self, text: &str) -> &Page {
        assert!(!self.words().contains(text), "{text:?} in: {}", self.words());
        self
    }

    #[track_caller]
    pub(crate) fn has(&self, html: &str) -> &Page {
        assert!(self.html.contains(html), "no {html:?} in: {}", self.html);
        self
    }

    pub(crate) fn words(&self) -> String {
        html::words(&self.html)
    }

    /// Where links of this service lead to.
    pub(crate) fn links(&self) -> BTreeSet<String> {
        let all = html::values(&self.html, "a", "href");
        all.into_iter().filter(|link| link.starts_with('/')).collect()
    }

    /// Where forms are sent to.
    pub(crate) fn forms(&self) -> BTreeSet<String> {
        html::values(&self.html, "form", "action").into_iter().collect()
    }

    /// The value of the hidden or visible field with this name.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let named = format!(" name=\"{name}\"");
        let tag = html::tags(&self.html, "input").into_iter().find(|tag| tag.contains(&named))?;
        html::values(&tag, "input", "value").pop()
    }

    /// The names and values of all hidden fields.
    pub(crate) fn hidden(&self) -> Vec<(String, String)> {
        let tags = html::tags(&self.html, "input").into_iter().filter(|tag| tag.contains("type=\"hidden\""));
        let attribute = |tag: &str, name| html::values(tag, "input", name).pop().unwrap_or_default();
        tags.map(|tag| (attribute(&tag, "name"), attribute(&tag, "value"))).collect()
    }

    fn is_html(&self) -> bool {
        self.headers.get("content-type").is_some_and(|value| value == "text/html; charset=utf-8")
    }

    /// What is promised of every page.
    #[track_caller]
    fn check(&self) {
        let header = |name: &str| self.headers[name].to_str().unwrap();
        assert!(self.html.len() < PAGE_BYTES_MAX, "{} bytes", self.html.len());
        if !self.html.contains("data-live-state") {
            // The reference of the API and the pages of problems, which links lead to, are no pages of the console.
            return;
        }
        // Pages that have a frame show their own answers in it, and nothing else.
        let frames = if html::tags(&self.html, "iframe").is_empty() { "" } else { "frame-src 'self'; " };
        assert_eq!(
            header("content-security-policy"),
            format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; {frames}base-uri 'none'; frame-ancestors 'none'"
            )
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        assert!(!header("x-correlation-id").is_empty());
        self.check_nothing_inline();
        self.check_reachable();
    }

    #[track_caller]
    fn check_nothing_inline(&self) {
        let scripts = html::tags(&self.html, "script");
        assert_eq!(scripts.len(), 1, "{scripts:?}");
        assert!(scripts[0].contains(" src=\"/console/assets/"));
        assert!(html::tags(&self.html, "style").is_empty());
        let tags = self.html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap());
        for tag in tags {
            // What stands in quotes may be anything.
            let bare: String = tag.split('"').step_by(2).collect();
            assert!(!bare.contains(" style="), "<{tag}>");
            assert!(
                !bare.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')),
                "<{tag}>"
            );
        }
    }

    /// What keyboards and screen readers need.
    #[track_caller]
    fn check_reachable(&self) {
        assert!(self.html.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert_eq!(html::tags(&self.html, "h1").len(), 1, "{}", self.html);
        assert_eq!(html::tags(&self.html, "main").len(), 1);
        assert!(self.html.contains("href=\"#main\""));
        let ids: Vec<String> =
            ["div", "section", "details", "input", "select", "textarea", "p", "h2", "button", "main"]
                .iter()
                .flat_map(|element| html::values(&self.html, element, "id"))
                .collect();
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "an id stands twice: {ids:?}");
        let labels: BTreeSet<String> = html::values(&self.html, "label", "for").into_iter().collect();
        for element in ["input", "select", "textarea"] {
            for tag in html::tags(&self.html, element).iter().filter(|tag| !tag.contains("type=\"hidden\"")) {
                let id = html::values(tag, element, "id").pop();
                assert!(id.is_some_and(|id| labels.contains(&id)), "{tag} has no label");
            }
        }
        for element in ["table", "pre"] {
            let in_region = self.html.matches("tabindex=\"0\"").count();
            assert!(
                html::tags(&self.html, element).len() <= in_region,
                "a {element} that the keyboard can not scroll"
            );
        }
    }
}
