//! People who do not exist, for whoever needs believable data.
//!
//! Numbers are from the range reserved for fiction (+1 555-0100 to 0199), e-mail addresses end in example.com: nobody is
//! reached even if a channel really sends.

use fake::Fake as _;
use fake::faker::name::en::{FirstName, LastName};
use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _};

/// Somebody who does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// `user-NUMBER`.
    pub(super) recipient_id: String,
    /// What they are called.
    pub(super) first_name: String,
    /// Theirs alone.
    pub(super) email: String,
    /// Theirs and maybe others': there are about 79,000 such numbers.
    pub(super) phone: String,
    /// A token of a device.
    pub(super) device: String,
}

impl Person {
    /// The person with a number, as chance has it.
    pub(super) fn draw(number: u64, random: &mut impl Rng) -> Person {
        let first_name: String = FirstName().fake_with_rng(random);
        let last_name: String = LastName().fake_with_rng(random);
        let plain = |name: &str| name.to_lowercase().replace('\'', "");
        Person {
            recipient_id: format!("user-{number}"),
            email: format!("{}.{}.{number}@example.com", plain(&first_name), plain(&last_name)),
            phone: format!("+1{}55501{:02}", random.random_range(201..=989), random.random_range(0..=99)),
            device: format!("device-{:08x}{number:08x}", random.next_u32()),
            first_name,
        }
    }

    /// The person with a number in the world of a seed: always the same.
    pub(super) fn of(seed: u64, number: u64) -> Person {
        Person::draw(number, &mut dice(seed, &format!("person {number}")))
    }
}

/// Chance that depends on nothing but a seed and a name.
pub(super) fn dice(seed: u64, name: &str) -> StdRng {
    // FNV-1a; StdRng spreads its seed itself.
    let hash = name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    StdRng::seed_from_u64(hash)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use angaros_domain::email;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_people_and_nobody_who_exists() {
        let people: Vec<Person> = (0..2_000).map(|number| Person::of(7, number)).collect();
        assert!(people.iter().enumerate().all(|(number, person)| *person == Person::of(7, number as u64)));
        assert_ne!(people[0], Person::of(8, 0));
        let addresses: HashSet<&str> = people.iter().map(|person| person.email.as_str()).collect();
        assert_eq!(addresses.len(), people.len());
        for person in &people {
            assert!(person.email.ends_with("@example.com") && email::is_address(&person.email), "{person:?}");
            assert!(person.phone.len() == 12 && person.phone[5..].starts_with("55501"), "{person:?}");
        }
    }
}
