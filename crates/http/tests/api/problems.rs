//! The pages that problems lead to.

use crate::support::App;

#[tokio::test]
async fn every_kind_has_a_page_that_the_list_leads_to() {
    let app = App::new();
    let list = app.get("/problems").await.is(200);
    let html = String::from_utf8(list.body.to_vec()).unwrap();
    let paths: Vec<&str> =
        html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(paths.len() > 20);
    for path in paths {
        let page = app.get(path).await.is(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(!page.header("content-security-policy").contains("unsafe"));
        assert!(String::from_utf8_lossy(&page.body).contains(path));
    }
    app.get("/problems/no-such-kind").await.problem(404, "not-found");
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let app = App::new();
    let problem = app.get("/nowhere").await.is(404);
    app.get(&problem.text("/type")).await.is(200);
}
