//! What a process has used so far, as Linux tells it.

use std::fs;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// The most memory that was resident at once, in bytes.
    pub memory_peak_bytes: u64,
    /// Bytes that it caused to be written to disk.
    pub written_bytes: u64,
}

impl Footprint {
    /// What the process with this number has used; `None` where the system does not tell.
    pub fn of(pid: u32) -> Option<Footprint> {
        let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        Some(Footprint {
            memory_peak_bytes: number(&read("status")?, "VmHWM")? * 1024,
            written_bytes: number(&read("io")?, "write_bytes")?,
        })
    }
}

/// The number in the line of a key.
fn number(text: &str, key: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.into_iter().find_map(|(name, value)| (name == key).then_some(value))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_key() {
        assert_eq!(number("Name:\tx\nVmHWM:\t    1234 kB\n", "VmHWM"), Some(1234));
        assert_eq!(number("cancelled_write_bytes: 5\nwrite_bytes: 7\n", "write_bytes"), Some(7));
        assert_eq!(number("", "write_bytes"), None);
    }
}
