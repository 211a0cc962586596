//! API keys: made, shown once, and revoked.

use angaros_domain::api_key::Scope;

use crate::browser::{Browser, Page};
use crate::support::App;

/// The key that a page shows.
fn token(page: &Page) -> String {
    let tag = crate::html::tags(&page.html, "input").into_iter().find(|tag| tag.contains("id=\"token\""));
    crate::html::values(&tag.expect("a key"), "input", "value").pop().unwrap()
}

#[tokio::test]
async fn the_first_key_closes_the_service() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/keys").await.is(200).says("The first key closes it.");
    let page = browser.submit("/console/keys", &[("name", "ops"), ("scope_send", "yes")]).await.is(422);
    page.says("must hold admin").has("value=\"ops\"").has("name=\"scope_send\" value=\"yes\" checked");
    browser.get("/console").await.is(200);

    let page = browser.submit("/console/keys", &[("name", "ops"), ("scope_admin", "yes")]).await.is(201);
    page.says("not shown again").says("closed from now on");
    let key = token(&page);
    assert!(page.links().contains("/console/sign-in?next=%2Fconsole%2Fkeys"));
    assert!(!page.links().iter().any(|link| link.contains(&key)), "it is in no address");
    browser.get("/console/keys").await.leads_to("/console/sign-in");
    browser.sign_in(&key).await.leads_to("/console");
    let page = browser.get("/console/keys").await.is(200);
    page.says("ops ak_").says("admin");
    assert!(!page.html.contains(&key), "it was shown once");
}

#[tokio::test]
async fn a_key_may_what_it_was_made_for() {
    let app = App::new();
    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let form = [("name", "shop"), ("scope_read", "yes"), ("scope_ingest", "yes")];
    let key = token(&admin.fill("/console/keys", "/console/keys", &form).await.is(201));
    admin.get("/console/keys").await.is(200).says("shop").says("ingest, read");
    let mut shop = Browser::new(&app);
    shop.sign_in(&key).await.leads_to("/console");
    shop.get("/console").await.is(200);
    shop.get("/console/send").await.is(403);
    shop.get("/console/keys").await.is(403).says("scope admin");
    shop.submit("/console/keys", &[("name", "more"), ("scope_admin", "yes")]).await.is(403);
}

#[tokio::test]
async fn sending_the_same_form_twice_makes_one_key() {
    let app = App::new();
    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let newest = admin.get("/console/keys").await.is(200).field("newest").unwrap();
    let form = [("newest", newest.as_str()), ("name", "shop"), ("scope_read", "yes")];
    let key = token(&admin.submit("/console/keys", &form).await.is(201));
    let page = admin.submit("/console/keys", &form).await.is(409);
    page.says("none was made now").has("value=\"shop\"");
    assert_eq!(page.html.matches("<th scope=\"row\" data-label=\"Name\">shop").count(), 1);
    assert_eq!(page.field("newest").as_deref(), key.split('_').nth(1), "sent again it makes one");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let app = App::new();
    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let page = admin.fill("/console/keys", "/console/keys", &[("name", " ")]).await.is(422);
    page.has("id=\"name-fault\"").has("id=\"scopes-fault\"");
}

#[tokio::test]
async fn a_key_is_revoked_after_a_question() {
    let app = App::new();
    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let form = [("name", "shop"), ("scope_read", "yes")];
    let key = token(&admin.fill("/console/keys", "/console/keys", &form).await.is(201));
    let prefix = key.split('_').nth(1).unwrap().to_owned();
    let mut shop = Browser::new(&app);
    shop.sign_in(&key).await.leads_to("/console");

    let path = format!("/console/keys/{prefix}/revoke");
    let page = admin.get(&path).await.is(200);
    page.says("Revoke the key shop?").does_not_say("the last key");
    shop.get("/console").await.is(200);
    admin.submit_from(&path, &[], &[("sec-fetch-site", "cross-site")]).await.is(403);
    admin.submit(&path, &[]).await.leads_to("/console/keys");
    shop.get("/console").await.leads_to("/console/sign-in");
    admin.get(&path).await.is(404);
    admin.submit(&path, &[]).await.is(404);
}

#[tokio::test]
async fn the_last_one_that_can_make_keys_is_not_lost_unseen() {
    let app = App::new();
    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let page = admin.get("/console/keys").await.is(200);
    let path = page.links().into_iter().find(|link| link.ends_with("/revoke")).unwrap();
    admin.get(&path).await.is(200).says("the last key with the scope admin");
}

#[tokio::test]
async fn tenants_see_their_own_only() {
    let app = App::new();
    let theirs = app.key("other", &[Scope::Admin]).await;
    let mut own = Browser::signed_in(&app, &[Scope::Admin]).await;
    let prefix = theirs.split('_').nth(1).unwrap();
    let page = own.get("/console/keys").await.is(200);
    assert!(!page.html.contains(prefix), "{}", page.html);
    own.get(&format!("/console/keys/{prefix}/revoke")).await.is(404);
    own.submit(&format!("/console/keys/{prefix}/revoke"), &[]).await.is(404);
}
