//! Schemas of types that the domain owns. They are made from the domain's own lists, so that they can not drift.

use angaros_domain::request::TAG_CHARACTERS_MAX;
use angaros_domain::webhook_endpoint::event_type::TYPE_CHARACTERS_MAX;
use angaros_domain::{Channel, FailureReason, Priority, Status, SuppressionReason, Timestamp};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

macro_rules! name_schemas {
    ($($schema:ident = $name:literal: $of:ident $about:literal;)*) => {$(
        #[doc = $about]
        pub(crate) struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .enum_values(Some($of::ALL.map(|value| value.as_str())))
                    .description(Some($about))
                    .build()
                    .into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

name_schemas! {
    ChannelName = "Channel": Channel "The way a notification travels.";
    StatusName = "Status": Status "Where a notification stands. It is in exactly one of these.";
    PriorityName = "Priority": Priority "How urgent a notification is. Lanes share a channel's capacity 6:3:1.";
    FailureReasonName = "FailureReason": FailureReason "Why a notification was given up.";
    SuppressionReasonName = "SuppressionReason": SuppressionReason "Why nothing is sent to an address.";
}

/// The id of something that is stored.
pub(crate) struct IdInput;

impl PartialSchema for IdInput {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::Custom("uuid".to_owned())))
            .description(Some("A UUID."))
            .build()
            .into()
    }
}

impl ToSchema for IdInput {
    fn name() -> std::borrow::Cow<'static, str> {
        "IdInput".into()
    }
}

/// The pattern of a choice of event types: `*`, a type, or a prefix and `.*`.
const EVENT_TYPES: &str = r"^(\*|[^*\u0000-\u001f\u007f-\u009f]+(\.\*)?)$";

/// The pattern of a secret: `whsec_` and 24 to 64 bytes in base64, of which the last digit leaves no bits over.
const SECRET: &str = concat!(
    "^whsec_([A-Za-z0-9+/]{4}){8,20}",
    "([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/]{4}([A-Za-z0-9+/][AQgw]==)?)?$"
);

macro_rules! text_schemas {
    ($($schema:ident = $name:literal: $range:expr, $pattern:expr, $about:literal;)*) => {$(
        #[doc = $about]
        pub(crate) struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .min_length(Some($range.0))
                    .max_length(Some($range.1))
                    .pattern($pattern)
                    .description(Some($about))
                    .build()
                    .into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

text_schemas! {
    TagInput = "Tag": (1, TAG_CHARACTERS_MAX), None::<&str>, "A label.";
    SecretInput = "SigningSecret": (38, 94), Some(SECRET), "`whsec_` and 24 to 64 bytes in base64.";
    EventFilterInput = "EventFilter": (1, TYPE_CHARACTERS_MAX), Some(EVENT_TYPES),
        "Event types: one (`notification.delivered`), all under a prefix (`notification.*`), or all (`*`).";
}

/// A point in time in a request.
pub(crate) struct TimeInput;

/// The last whole second that a point in time can be: 9999-12-30T21:59:59Z.
const SECONDS_MAX: i64 = Timestamp::MAX.as_seconds();

impl PartialSchema for TimeInput {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let seconds = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .maximum(Some(SECONDS_MAX));
        let either = OneOfBuilder::new().item(text).item(seconds).description(Some(
            "A point in time: RFC 3339 with any offset, or whole seconds since 1970-01-01.",
        ));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for TimeInput {
    fn name() -> std::borrow::Cow<'static, str> {
        "TimeInput".into()
    }
}
