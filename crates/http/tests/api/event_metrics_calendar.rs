//! Event metrics by hours, days, weeks and months of any zone.

use serde_json::json;

use crate::event_metrics::{counts, metrics, record_at, starts};
use crate::support::App;

#[tokio::test]
async fn a_day_of_berlin_has_23_or_25_hours_when_clocks_shift() {
    let (app, _folder) = App::on_disk();
    record_at(
        &app,
        &["2025-10-25T22:00:00Z", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-10-26T22:59:59.999Z"],
    )
    .await;
    record_at(&app, &["2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z", "2026-03-29T22:00:00Z"]).await;
    for (range, day, next, count, hours) in [
        (
            "from=2025-10-26T00:00:00%2B02:00&to=2025-10-26T23:59:59.999%2B01:00",
            "2025-10-25T22:00:00.000Z",
            "2025-10-26T23:00:00.000Z",
            4,
            25,
        ),
        (
            "from=2026-03-29T00:00:00%2B01:00&to=2026-03-29T23:59:59.999%2B02:00",
            "2026-03-28T23:00:00.000Z",
            "2026-03-29T22:00:00.000Z",
            2,
            23,
        ),
    ] {
        let zone = "timezone=Europe/Berlin";
        let days = metrics(&app, &format!("{range}&group_by=day&{zone}")).await;
        assert_eq!((starts(&days), counts(&days)), (vec![day], vec![count]), "{range}");
        let by_hour = metrics(&app, &format!("{range}&group_by=hour&{zone}")).await;
        assert_eq!((starts(&by_hour).len(), starts(&by_hour)[0]), (hours, day));
        assert_eq!(counts(&by_hour).iter().sum::<u64>(), count, "{range}");
        let with_next = metrics(&app, &format!("from={day}&to={next}&group_by=day&{zone}")).await;
        assert_eq!(starts(&with_next), [day, next]);
    }
    let repeated = "from=2025-10-26T00:00:00Z&to=2025-10-26T01:59:59Z&group_by=hour&timezone=Europe/Berlin";
    assert_eq!(counts(&metrics(&app, repeated).await), [1, 1], "two o'clock comes twice");
}

#[tokio::test]
async fn the_hours_of_kathmandu_begin_a_quarter_past() {
    let (app, _folder) = App::on_disk();
    record_at(&app, &["2026-02-02T10:14:59.999Z", "2026-02-02T10:15:00Z", "2026-02-02T12:20:00Z"]).await;
    let range = "from=2026-02-02T10:00:00Z&to=2026-02-02T12:30:00Z";
    let hours = metrics(&app, &format!("{range}&group_by=hour&timezone=Asia/Kathmandu")).await;
    let expected = [
        "2026-02-02T09:15:00.000Z",
        "2026-02-02T10:15:00.000Z",
        "2026-02-02T11:15:00.000Z",
        "2026-02-02T12:15:00.000Z",
    ];
    assert_eq!((starts(&hours), counts(&hours)), (expected.to_vec(), vec![1, 1, 0, 1]));
}

#[tokio::test]
async fn units_without_events_are_there_and_late_events_are_where_they_happened() {
    let (app, _folder) = App::on_disk();
    record_at(&app, &["2026-05-01T00:00:00Z"]).await;
    record_at(&app, &["2026-01-31T23:30:00Z", "2026-03-08T23:59:59.999Z", "2026-03-09T00:00:00Z"]).await;
    let range = "from=2026-01-31T23:00:00Z&to=2026-05-01T12:00:00Z";
    let months = metrics(&app, &format!("{range}&group_by=month")).await;
    assert_eq!(counts(&months), [1, 0, 2, 0, 1]);
    assert_eq!(starts(&months)[0], "2026-01-01T00:00:00.000Z", "the month of `from` is whole");
    assert_eq!(months["buckets"][1]["unique_users"], 0);
    let in_tokyo = metrics(&app, &format!("{range}&group_by=month&timezone=Asia/Tokyo")).await;
    assert_eq!((counts(&in_tokyo), starts(&in_tokyo)[0]), (vec![1, 2, 0, 1], "2026-01-31T15:00:00.000Z"));
    let weeks = metrics(&app, "from=2026-03-04T00:00:00Z&to=2026-03-22T00:00:00Z&group_by=week").await;
    let mondays = ["2026-03-02T00:00:00.000Z", "2026-03-09T00:00:00.000Z", "2026-03-16T00:00:00.000Z"];
    assert_eq!((starts(&weeks), counts(&weeks)), (mondays.to_vec(), vec![1, 1, 0]));
    let year = metrics(&app, "from=2025-05-28T00:00:00Z&to=2026-05-29T00:00:00Z&group_by=hour").await;
    assert_eq!((starts(&year).len(), &year["totals"]["count"]), (366 * 24 + 1, &json!(4)));
}
