//! Reads the commands out of a page, what they must print, and the answers that are shown.

const BEGIN: &str = "<!-- tour:begin -->";
const BEGIN_OWN: &str = "<!-- tour:begin own service -->";
const END: &str = "<!-- tour:end -->";
const EXPECT: &str = "<!-- expect:";

/// What a page lets its reader do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tour {
    /// Whether the commands start the service themselves.
    pub(crate) starts_service: bool,
    /// The commands, in order.
    pub(crate) blocks: Vec<Block>,
}

/// A block of commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where it begins in the page, from 1.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) script: String,
    /// What has to match their output.
    pub(crate) expect: Option<String>,
    /// The JSON that the page shows as their output.
    pub(crate) answer: Option<String>,
}

/// The commands of a page, or what is wrong with it.
pub(crate) fn read(page: &str) -> Result<Tour, String> {
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut tour = Tour::default();
    while let Some((_, line)) = lines.next() {
        if line == BEGIN || line == BEGIN_OWN {
            tour.starts_service |= line == BEGIN_OWN;
            read_part(&mut lines, &mut tour.blocks)?;
        }
    }
    if tour.blocks.is_empty() { Err("there is no `sh` block in a tour".into()) } else { Ok(tour) }
}

/// What stands up to the end of the tour.
fn read_part<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    blocks: &mut Vec<Block>,
) -> Result<(), String> {
    while let Some((number, line)) = lines.next() {
        if line == END {
            return Ok(());
        }
        let waiting = |taken: fn(&Block) -> bool| move |block: &&mut Block| !taken(block);
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let text = code(number, lines)?;
            match language {
                "sh" => blocks.push(Block { line: number, script: text, ..Block::default() }),
                "json" => {
                    let block = blocks.last_mut().filter(waiting(|block| block.answer.is_some()));
                    let block = block.ok_or(format!("line {number}: no block is waiting for an answer"))?;
                    block.answer = Some(text);
                }
                _ => {}
            }
        } else if let Some(rest) = line.trim().strip_prefix(EXPECT) {
            let expect = rest.strip_suffix("-->").ok_or(format!("line {number}: the comment has no end"))?;
            let block = blocks.last_mut().filter(waiting(|block| block.expect.is_some()));
            let block = block.ok_or(format!("line {number}: no block is waiting for an expectation"))?;
            block.expect = Some(expect.trim().into());
        }
    }
    Err(format!("there is no line {END}"))
}

/// The lines of a block of code that begins at line `number`.
fn code<'a>(number: usize, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        let (_, line) = lines.next().ok_or(format!("line {number}: the block has no end"))?;
        if line.trim() == "```" {
            return Ok(text);
        }
        text += line;
        text.push('\n');
    }
}

#[test]
fn blocks_and_what_is_expected_of_them_are_read() {
    let text = "```sh\nbefore\n```\n<!-- tour:begin -->\nWords\n\n```sh\na \\\n  b\n```\n<!-- expect: \"x\": \\d+ -->\n\n\
                ```toml\nc = 1\n```\n```sh\nd\n```\n```json\n{}\n```\n<!-- tour:end -->\n```sh\nbetween\n```\n\
                <!-- tour:begin own service -->\n```sh\ne\n```\n<!-- tour:end -->\n";
    let block = |line, script: &str| Block { line, script: script.into(), ..Block::default() };
    let blocks = vec![
        Block { expect: Some("\"x\": \\d+".into()), ..block(7, "a \\\n  b\n") },
        Block { answer: Some("{}\n".into()), ..block(16, "d\n") },
        block(27, "e\n"),
    ];
    assert_eq!(read(text), Ok(Tour { starts_service: true, blocks }));
}

#[test]
fn a_tour_that_would_check_nothing_is_refused() {
    for bad in [
        "",
        "<!-- tour:begin -->\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n",
        "<!-- tour:begin -->\n```sh\na\n<!-- tour:end -->",
        "<!-- tour:begin -->\n<!-- expect: a -->\n```sh\na\n```\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```json\n{}\n```\n```sh\na\n```\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n<!-- expect: a -->\n<!-- expect: b -->\n<!-- tour:end -->",
        "<!-- tour:begin -->\n```sh\na\n```\n<!-- expect: a\n<!-- tour:end -->",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
