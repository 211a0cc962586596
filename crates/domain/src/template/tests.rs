//! What templates render to, and what they may not do.

use serde_json::json;

use super::*;

fn body(text: &str) -> Source {
    Source { subject: None, body: text.into(), html: None }
}

fn rendered(text: &str, variables: Value) -> Result<String, Vec<Violation>> {
    let Value::Object(map) = variables else { panic!("not an object") };
    body(text).render(&map).map(|content| content.text)
}

#[test]
fn both_ways_of_naming_a_variable_mean_the_same() {
    for text in [
        "Hi {{name}}",
        "Hi {{ name }}",
        "Hi {{.name}}",
        "Hi {{ .name }}",
        "Hi {%if .name%}{{.name}}{%endif%}",
    ] {
        assert_eq!(rendered(text, json!({"name": "Ada"})).unwrap(), "Hi Ada", "{text}");
    }
}

#[test]
fn other_dots_stay() {
    let variables = json!({"user": {"name": "Ada"}, "x": 2});
    assert_eq!(
        rendered("a .b {{ user.name }} {{ .user.name }}.", variables.clone()).unwrap(),
        "a .b Ada Ada."
    );
    assert_eq!(rendered("{{ \" .x \" }}{{ 1.5 }}{{ (.x) }}", variables).unwrap(), " .x 1.52");
}

#[test]
fn a_missing_variable_is_named() {
    let faults = rendered("{{ code }} {{ .Name }}", json!({"code": 1})).unwrap_err();
    assert_eq!(faults[0].pointer, "#/template_variables/Name");
    assert!(faults[0].detail.contains("`Name`"));
    assert!(rendered("{{ code|default('-') }}", json!({})).is_ok());
}

#[test]
fn html_escapes_and_text_does_not() {
    let source =
        Source { subject: Some("{{x}}".into()), body: "{{x}}".into(), html: Some("<p>{{x}}</p>".into()) };
    let content = source.render(&Map::from_iter([("x".into(), json!("<b>&"))])).unwrap();
    assert_eq!(content.subject.as_deref(), Some("<b>&"));
    assert_eq!(content.text, "<b>&");
    assert_eq!(content.html.as_deref(), Some("<p>&lt;b&gt;&amp;</p>"));
}

#[test]
fn syntax_faults_are_found_when_the_template_is_stored() {
    assert!(body("{{ ok }}").check().is_empty());
    for bad in ["{{ open", "{% if x %}", "{{ a b }}", ""] {
        assert_eq!(body(bad).check().len(), 1, "{bad}");
    }
}

/// What is said of a template that renders, if it does at all, to too much.
fn refused(text: &str, variables: &Value) -> String {
    let found = body(text).check();
    match found.first() {
        Some(fault) => {
            assert_eq!(fault.pointer, "#/body", "{text}");
            fault.detail.clone()
        }
        None => {
            let faults = rendered(text, variables.clone()).unwrap_err();
            assert_eq!(faults[0].pointer, "#/template_variables", "{text}");
            assert!(faults[0].detail.starts_with("body of the template: "), "{}", faults[0].detail);
            faults[0].detail.clone()
        }
    }
}

#[test]
fn hostile_templates_end_early() {
    let variables = json!({"v": "a&".repeat(30_000), "l": vec![1; 1_900]});
    let each = |inside: &str| format!("{{% for i in range(1000) %}}{inside}{{% endfor %}}");
    let doubling = format!("{{% set a = v %}}{}", "{% set a = a ~ a %}".repeat(14));
    for (text, said) in [
        (doubling, "`{% set %}`"),
        (each("{{ v }}"), "renders to more than 266240 bytes"),
        ("{% for i in range(15000) %}{{ v }}{% endfor %}".into(), "at most 1000 numbers"),
        ("{% for i in range(x|default(9999)) %}{% endfor %}".into(), "at most 1000 numbers"),
        (each(&each("x")), "too many steps"),
        (each(&format!("{{% if v{} %}}{{% endif %}}", "|upper|lower".repeat(40))), "too many steps"),
        (format!("{{{{ v{} }}}}", "|e|title".repeat(40)), "too many steps"),
        ("{{ range(1000)|join(v) }}".into(), "too many steps"),
        (each("{% if v|trim|length > 99999 %}{% endif %}"), "too many steps"),
        (
            each("{% if 2 in l or 2 in l or l == 2 %}{% endif %}{% if v in v and v == v %}{% endif %}"),
            "steps",
        ),
        (each("{% if v[2:] == v[1:] and v[3:] == v %}{% endif %}"), "too many steps"),
        (each("{% if 1.5|round(1000) == 1 and 1.5|round(999) == 1 %}{% endif %}"), "too many steps"),
        (each("{% if range(1000) == range(1000) %}{% endif %}"), "too many steps"),
        ("{{ range(100000)|list * 500 }}".into(), "at most 1000 numbers"),
        (each("{{ v|center(9999999) }}"), "filter `center`"),
        (each("{% for x in l %}{% for y in l %}{% endfor %}{% endfor %}"), "too many steps"),
    ] {
        let detail = refused(&text, &variables);
        assert!(detail.contains(said), "{}: {detail}", &text[..text.len().min(80)]);
    }
}

#[test]
fn what_needs_no_variable_to_go_wrong_is_found_when_it_is_stored() {
    for (text, said) in [
        ("{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}", "too many steps"),
        ("{% for a in range(0 - 5, 2000) %}{% endfor %}", "at most 1000"),
        ("{{ a|nosuch }}", "no filter `nosuch`"),
        ("{{ a is nosuch }}", "no test `nosuch`"),
        ("{{ nosuch() }}", "no function `nosuch`"),
    ] {
        let source = Source { subject: Some(text.into()), body: "x".into(), html: Some(text.into()) };
        let found = source.check();
        assert_eq!(found.iter().map(|v| &*v.pointer).collect::<Vec<_>>(), ["#/subject", "#/html"], "{text}");
        assert!(found[0].detail.contains(said), "{text}: {}", found[0].detail);
        assert_eq!(source.render(&Map::new()).unwrap_err()[0].pointer, "#/template_variables");
    }
    assert!(body(&format!("{}{{{{ x }}}}", "y".repeat(200_000))).check().is_empty());
}

#[test]
fn values_are_written_as_json_writes_them() {
    let variables = json!({"n": null, "t": true, "f": false, "i": -3, "d": 1.5, "w": 2.0, "big": u64::MAX});
    let text = "{{ n }}|{{ t }}|{{ f }}|{{ i }}|{{ d }}|{{ w }}|{{ big }}|{{ 'x' if n }}|{{ n|upper }}";
    assert_eq!(rendered(text, variables.clone()).unwrap(), "|true|false|-3|1.5|2.0|18446744073709551615||");
    let sums = "{{ i + 1 }} {{ d|float + d }} {{ 7 // 2 }} {{ 7 % 4 }} {{ i - -1 }}";
    assert_eq!(rendered(sums, variables).unwrap(), "-2 3.0 3 3 -2");
}

#[test]
fn lists_and_objects_are_not_printed() {
    let variables = json!({"tags": ["a", 1, null], "user": {"tags": [], "name": "Ada"}, "rows": [{"a": 1}]});
    for (text, name) in [
        ("{{ user.name }}{{ tags }}", "`tags`"),
        ("{{ user.name }}{{ user.tags }}", "`user.tags`"),
        ("{{ user }}", "`user`"),
        ("{{ tags|upper }}", "`tags`"),
        ("{% for row in rows %}{{ row }}{% endfor %}", "`row`"),
    ] {
        let detail = rendered(text, variables.clone()).unwrap_err()[0].detail.clone();
        assert!(detail.contains(name) && detail.contains("cannot be printed as a whole"), "{text}: {detail}");
    }
    assert_eq!(rendered("{{ tags|join(', ') }}", variables).unwrap(), "a, 1, ");
    let many = json!({"l": vec![0; 2_001]});
    assert_eq!(rendered("x", many).unwrap_err()[0].pointer, "#/template_variables");
}

#[test]
fn every_filter_and_test_that_is_listed_exists() {
    let variables = json!({"l": ["x"], "n": 4});
    for filter in engine::FILTERS {
        let given = if ["abs", "float", "int", "round"].contains(filter) { "n" } else { "l|first" };
        let given = if *filter == "join" { "l" } else { given };
        let text = format!("{{{{ {given}|{filter} }}}}");
        assert!(body(&text).check().is_empty() && rendered(&text, variables.clone()).is_ok(), "{text}");
    }
    for test in engine::TESTS {
        let given = match *test {
            "eq" | "ge" | "gt" | "le" | "lt" | "ne" | "divisibleby" => "(2)",
            "in" => "([1, 4])",
            _ => "",
        };
        let text = format!("{{% if n is {test}{given} %}}{{% endif %}}");
        assert!(body(&text).check().is_empty() && rendered(&text, variables.clone()).is_ok(), "{text}");
    }
    let line = "{{ ' a b'|trim|title }} {{ 'a b&c'|urlencode }} {{ 'xY'|capitalize }} {{ 1.26|round(1) }} {{ 'a<'|e }}";
    assert_eq!(rendered(line, json!({})).unwrap(), "A B a%20b%26c Xy 1.3 a&lt;");
}

#[test]
fn nothing_but_the_template_itself_escapes_escaping() {
    let html = "{{ x|upper }} {{ l|join(x) }} {{ x|e }} {{ x|e|title }} {{ n|default(x) }}";
    let source = Source { subject: None, body: "x".into(), html: Some(html.into()) };
    let variables = json!({"x": "<b>", "l": ["<i>", 1]});
    let content = source.render(variables.as_object().unwrap()).unwrap();
    assert!(!content.html.as_deref().unwrap().contains('<'), "{content:?}");
}

#[test]
fn raw_blocks_and_comments_are_left_alone() {
    let text = "{% raw %}{{ .x }}{% endraw %}{# {{ .x }} {% set %} #}{{ {\"a\":{\"b\":1}}.a.b }}{{ \"a\\\\\" }}{{.x}}";
    assert_eq!(rendered(text, json!({"x": 2})).unwrap(), "{{ .x }}1a\\2");
}
