//! The help holds what it promises: it is read here as people read it.

use clap::{ArgAction, Command, CommandFactory as _, Parser as _};

use super::*;

/// Every command that people see, with the words that lead to it.
fn all() -> Vec<(String, Command)> {
    fn below(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for inner in
            command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        {
            below(&format!("{path} {}", inner.get_name()), inner, found);
        }
    }
    let mut command = CommandLine::command();
    command.build();
    let mut found = Vec::new();
    below("angaros", &command, &mut found);
    found
}

fn long_help(command: &Command) -> String {
    command.clone().term_width(WIDTH_MAX).render_long_help().to_string()
}

/// The commands in an example section, without variables before them and pipes behind them.
fn examples(help: &str) -> Vec<Vec<String>> {
    let Some((_, section)) = help.split_once("Examples:\n") else { return Vec::new() };
    let lines = section.lines().take_while(|line| line.starts_with("  "));
    lines.filter(|line| line.contains("angaros ")).map(words).collect()
}

/// Splits as a shell would, as far as examples need that.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.trim().chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            (_, character) => {
                if let Some(last) = words.last_mut() {
                    last.push(character);
                }
            }
        }
    }
    let ends = ["|", ">", "<", "&&"];
    words
        .into_iter()
        .skip_while(|word| word != "angaros")
        .take_while(|word| !ends.contains(&word.as_str()))
        .collect()
}

#[test]
fn every_command_says_what_it_is_for_and_shows_how() {
    for (path, command) in all() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.len() > 10, "{path} says too little: {about:?}");
        assert!(!about.ends_with('.'), "{path}: the first line of a help is no sentence: {about}");
        assert!(!examples(&long_help(&command)).is_empty(), "{path} has no examples");
    }
}

#[test]
fn every_example_is_understood_and_is_of_its_command() {
    for (path, command) in all() {
        for example in examples(&long_help(&command)) {
            if let Err(error) = CommandLine::try_parse_from(&example) {
                panic!("{path}: {example:?}: {error}");
            }
            let here: Vec<&str> = path.split(' ').collect();
            assert_eq!(example[..here.len().min(example.len())], here[..], "{path}: {example:?}");
        }
    }
}

#[test]
fn no_line_is_too_wide() {
    for (path, command) in all() {
        for help in
            [long_help(&command), command.clone().term_width(WIDTH_MAX).render_help().to_string(), overview()]
        {
            for line in help.lines() {
                assert!(line.chars().count() <= WIDTH_MAX, "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_option_is_explained_and_global_ones_stand_apart() {
    for (path, command) in all() {
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{path} {name} is not explained");
            let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
            if takes_value {
                assert!(argument.get_value_names().is_some(), "{path} {name} takes a value of no name");
            }
        }
        assert_eq!(long_help(&command).matches("\nGlobal options:\n").count(), 1, "{path}");
    }
}

#[test]
fn the_overview_has_every_command_once() {
    let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let command = CommandLine::command();
    let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut there: Vec<&str> = visible.map(Command::get_name).collect();
    listed.sort_unstable();
    there.sort_unstable();
    assert_eq!(listed, there);
    for name in there {
        assert!(overview().contains(&format!("\n  {name} ")), "{name}");
    }
}

#[test]
fn the_definition_is_sound() {
    CommandLine::command().debug_assert();
}
