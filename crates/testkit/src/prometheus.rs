//! Reading the Prometheus text format.

/// The sum of a metric over all its labels; 0 if it is not there.
pub fn total(text: &str, name: &str) -> f64 {
    let is_it = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    text.lines()
        .filter(|line| is_it(line))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn sums_what_has_the_whole_name() {
        let text =
            "# TYPE a_total counter\na_total{b=\"c d\"} 2\na_total{b=\"e\"} 3\na_total_more 7\nf 1.5\n";
        assert_eq!((total(text, "a_total"), total(text, "f"), total(text, "g")), (5.0, 1.5, 0.0));
    }
}
