//! Measurements for people.

use crate::measurement::{Measurement, Percentiles};

const TITLES: [&str; 11] = [
    "scenario",
    "requests",
    "events",
    "errors",
    "events/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
    "memory MB",
    "bytes/event",
];

/// A table, one line a measurement, numbers to the right; below it what they are compared with and what went wrong.
pub fn table(measurements: &[Measurement]) -> String {
    let rows: Vec<Vec<String>> =
        std::iter::once(TITLES.map(str::to_owned).to_vec()).chain(measurements.iter().map(row)).collect();
    let widths: Vec<usize> = (0..TITLES.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let notes: Vec<String> = measurements.iter().flat_map(notes).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn row(measured: &Measurement) -> Vec<String> {
    let millis = |of: fn(&Percentiles) -> f64| {
        measured.latency_ms.as_ref().map_or_else(absent, |latency| format!("{:.2}", of(latency)))
    };
    vec![
        measured.name.clone(),
        whole(measured.requests as f64),
        whole(measured.events as f64),
        whole(measured.errors as f64),
        whole(measured.rate_per_second),
        millis(|latency| latency.p50),
        millis(|latency| latency.p99),
        millis(|latency| latency.p999),
        millis(|latency| latency.max),
        measured.memory_peak_bytes.map_or_else(absent, |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        measured.written_bytes_per_event.map_or_else(absent, whole),
    ]
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ")
}

fn notes(measured: &Measurement) -> Vec<String> {
    let name = &measured.name;
    let limits = measured.limits.iter().map(|limit| {
        let share = limit.ratio * 100.0;
        format!("{name}: {share:.1} % of {}, which is {}/s", limit.name, whole(limit.rate_per_second))
    });
    let problem = measured.problem.iter().map(|problem| format!("{name}: {problem}"));
    limits.chain(problem).collect()
}

fn absent() -> String {
    "-".to_owned()
}

/// A number without its fraction, in groups of three digits.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;

    fn measured(name: &str, rate: f64) -> Measurement {
        Measurement {
            name: name.into(),
            requests: 1_000,
            events: 1_000_000,
            duplicates: 0,
            errors: 0,
            problem: None,
            seconds: 1.0,
            rate_per_second: rate,
            latency_ms: None,
            limits: Vec::new(),
            memory_peak_bytes: None,
            written_bytes_per_event: None,
        }
    }

    #[test]
    fn columns_are_aligned_and_what_is_unknown_is_a_dash() {
        let full = Measurement {
            latency_ms: Some(Percentiles { p50: 1.234, p99: 10.0, p999: 20.0, max: 120.5 }),
            limits: vec![Limit { name: "parse-only", rate_per_second: 20_000.0, ratio: 0.5 }],
            memory_peak_bytes: Some(64_500_000),
            written_bytes_per_event: Some(1_530.4),
            ..measured("events-single", 10_000.4)
        };
        let failed =
            Measurement { errors: 3, problem: Some("it broke".into()), ..measured("events-ndjson", 12.0) };
        let expected = "\
scenario       requests     events  errors  events/s  p50 ms  p99 ms  p99.9 ms  max ms  memory MB  bytes/event
events-single     1,000  1,000,000       0    10,000    1.23   10.00     20.00  120.50       64.5        1,530
events-ndjson     1,000  1,000,000       3        12       -       -         -       -          -            -

events-single: 50.0 % of parse-only, which is 20,000/s
events-ndjson: it broke
";
        assert_eq!(table(&[full, failed]), expected);
    }

    #[test]
    fn digits_come_in_groups() {
        for (number, text) in [(0.0, "0"), (999.4, "999"), (999.6, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(whole(number), text);
        }
    }
}
