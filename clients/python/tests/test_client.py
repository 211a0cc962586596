"""The client against a running service, whose address is in ANGAROS_URL."""

import datetime
import os
import unittest
import uuid

from angaros_client import AuthenticatedClient, Client
from angaros_client.api.events import event_create
from angaros_client.api.notifications import (
    batch_create,
    notification_create,
    notification_list,
    notification_trace,
)
from angaros_client.models import (
    BatchReceipt,
    BatchRequest,
    Channel,
    Event,
    EventRequest,
    ListingNotification,
    Notification,
    NotificationRequest,
    Problem,
    Trace,
)
from angaros_client.types import UNSET

URL = os.environ["ANGAROS_URL"]
KEY = os.environ.get("ANGAROS_API_KEY")


def sms(recipient: str = "+15550100123") -> NotificationRequest:
    return NotificationRequest(channel=Channel.SMS, recipient=recipient, content="Hello")


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = AuthenticatedClient(URL, token=KEY) if KEY else Client(URL)

    def tearDown(self) -> None:
        self.client.get_httpx_client().close()

    def test_a_notification_is_sent_once_and_its_trace_tells_of_it(self) -> None:
        key = str(uuid.uuid4())
        sent = notification_create.sync_detailed(client=self.client, body=sms(), idempotency_key=key)
        self.assertEqual(sent.status_code, 202)
        again = notification_create.sync_detailed(client=self.client, body=sms(), idempotency_key=key)
        self.assertEqual(again.status_code, 200)
        assert isinstance(sent.parsed, Notification) and isinstance(again.parsed, Notification)
        self.assertEqual(sent.parsed.id, again.parsed.id)
        trace = notification_trace.sync(sent.parsed.id, client=self.client)
        assert isinstance(trace, Trace)
        self.assertEqual(trace.entries[0].event, "created")

    def test_an_event_is_stored_once(self) -> None:
        event = EventRequest(
            provider="shop",
            event_id=str(uuid.uuid4()),
            event_name="purchase",
            recipient_id="user-7",
            occurred_at=datetime.datetime(2026, 2, 2, 8, 15, 30, tzinfo=datetime.timezone.utc),
        )
        stored = event_create.sync_detailed(client=self.client, body=event)
        self.assertEqual(stored.status_code, 201)
        self.assertIsInstance(stored.parsed, Event)
        self.assertEqual(event_create.sync_detailed(client=self.client, body=event).status_code, 200)
        event.event_name = "refund"
        other = event_create.sync(client=self.client, body=event)
        assert isinstance(other, Problem)
        self.assertEqual(other.fields, ["event_name"])

    def test_a_list_is_paged_to_its_end(self) -> None:
        campaign = str(uuid.uuid4())
        batch = BatchRequest(campaign_id=campaign, notifications=[sms() for _ in range(5)])
        self.assertIsInstance(batch_create.sync(client=self.client, body=batch), BatchReceipt)
        seen, cursor = set(), UNSET
        while cursor is not None:
            page = notification_list.sync(client=self.client, campaign_id=campaign, limit=2, cursor=cursor)
            assert isinstance(page, ListingNotification)
            seen.update(notification.id for notification in page.items)
            cursor = page.next_cursor
        self.assertEqual(len(seen), 5)

    def test_what_is_refused_is_a_problem_that_points_at_the_fault(self) -> None:
        problem = notification_create.sync(client=self.client, body=sms("nobody"))
        assert isinstance(problem, Problem)
        self.assertEqual(problem.type_, "/problems/invalid-request")
        self.assertEqual(problem.errors[0].pointer, "#/recipient")


if __name__ == "__main__":
    unittest.main()
