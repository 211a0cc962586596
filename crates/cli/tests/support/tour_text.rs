//! Reads the tour out of the README.

const BEGIN: &str = "<!-- tour:begin -->";
const END: &str = "<!-- tour:end -->";
const EXPECT: &str = "<!-- expect:";

/// A block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where it begins in the README, from 1.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) script: String,
    /// What has to match their output.
    pub(crate) expect: Option<String>,
}

/// The blocks of the tour, or what is wrong with it.
pub(crate) fn read(readme: &str) -> Result<Vec<Block>, String> {
    let mut lines = readme.lines().enumerate().map(|(index, line)| (index + 1, line));
    if !lines.any(|(_, line)| line == BEGIN) {
        return Err(format!("there is no line {BEGIN}"));
    }
    let mut blocks: Vec<Block> = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line == END {
            return if blocks.is_empty() { Err("the tour has no `sh` block".into()) } else { Ok(blocks) };
        }
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let mut script = String::new();
            loop {
                let (_, line) = lines.next().ok_or(format!("line {number}: the block has no end"))?;
                if line.trim() == "```" {
                    break;
                }
                script += line;
                script.push('\n');
            }
            if language == "sh" {
                blocks.push(Block { line: number, script, expect: None });
            }
        } else if let Some(rest) = line.trim().strip_prefix(EXPECT) {
            let expect = rest.strip_suffix("-->").ok_or(format!("line {number}: the comment has no end"))?;
            let block = blocks.last_mut().filter(|block| block.expect.is_none());
            let block = block.ok_or(format!("line {number}: no block is waiting for an expectation"))?;
            block.expect = Some(expect.trim().into());
        }
    }
    Err(format!("there is no line {END}"))
}

#[test]
fn blocks_and_what_is_expected_of_them_are_read() {
    let text = "```sh\nbefore\n```\n<!-- tour:begin -->\nWords\n\n```sh\na \\\n  b\n```\n<!-- expect: \"x\": \\d+ -->\n\n\
                ```toml\nc = 1\n```\n```sh\nd\n```\n<!-- tour:end -->\n```sh\nafter\n```\n";
    let block = |line, script: &str, expect: Option<&str>| Block {
        line,
        script: script.into(),
        expect: expect.map(Into::into),
    };
    assert_eq!(read(text), Ok(vec![block(7, "a \\\n  b\n", Some("\"x\": \\d+")), block(16, "d\n", None)]));
}

#[test]
fn a_tour_that_would_check_nothing_is_refused() {
    for bad in [
        "",
        "<!-- tour:begin -->\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n",
        "<!-- tour:begin -->\n```sh\na\n<!-- tour:end -->",
        "<!-- tour:begin -->\n<!-- expect: a -->\n```sh\na\n```\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n<!-- expect: a -->\n<!-- expect: b -->\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n<!-- expect: a\n<!-- tour:end -->",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
