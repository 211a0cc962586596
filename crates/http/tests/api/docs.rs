//! The documentation page: complete without a network.

use crate::support::App;

/// What a page or script refers to.
fn references(text: &str) -> Vec<&str> {
    ["src=\"", "href=\"", "url: \"", "url("]
        .into_iter()
        .flat_map(|mark| text.split(mark).skip(1))
        .map(|rest| rest.trim_start_matches(['"', '\'']).split(['"', '\'', ')']).next().unwrap())
        .collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_loads_come_from_here() {
    let app = App::new();
    for path in ["/docs", "/docs/", "/docs/index.html"] {
        let page = app.get(path).await.is(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("connect-src 'self';"), "{policy}");
        let html = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(!html.contains("<script>"), "scripts are files, or the policy would stop them");
        let loaded = references(&html);
        assert_eq!(loaded.len(), 4);
        for file in loaded {
            assert!(file.starts_with("/docs/"), "{file}");
            let file = app.get(file).await.is(200);
            assert!(!file.body.is_empty());
        }
    }
}

#[tokio::test]
async fn neither_the_script_nor_the_styles_name_another_host() {
    let app = App::new();
    let script = app.get("/docs/start.js").await.is(200);
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let script = String::from_utf8(script.body.to_vec()).unwrap();
    assert_eq!(references(&script), ["/openapi.json"]);
    assert!(script.contains("validatorUrl: null"));
    app.get("/openapi.json").await.is(200);
    let styles = app.get("/docs/swagger-ui.css").await.is(200);
    assert!(styles.header("content-type").starts_with("text/css"));
    for reference in references(std::str::from_utf8(&styles.body).unwrap()) {
        assert!(reference.starts_with("data:"), "{reference}");
    }
}

#[tokio::test]
async fn nothing_else_of_the_vendored_files_is_served() {
    let app = App::new();
    for path in ["/docs/swagger-initializer.js", "/docs/oauth2-redirect.html", "/docs/..%2fCargo.toml"] {
        app.get(path).await.problem(404, "not-found");
    }
}
