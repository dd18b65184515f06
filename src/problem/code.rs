//! The closed set of problem codes. Clients branch on them: one is added, never renamed.

use axum::http::StatusCode;

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $title:literal;)+) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in the answer.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The status that it is answered with, unless a path of the runbooks says otherwise.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The same, for people; does not change from one occurrence to the next.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    // What came in could not be read.
    MalformedJson "malformed_json" BAD_REQUEST "The body is not JSON";
    UnknownField "unknown_field" UNPROCESSABLE_ENTITY "The body holds a field that is not known";
    FieldInvalid "field_invalid" UNPROCESSABLE_ENTITY "A field is missing or not what it should be";
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large";
    BatchTooLong "batch_too_long" UNPROCESSABLE_ENTITY "The batch holds too many items";
    HeadersTooLarge "headers_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "The header fields are too large";
    BodyTimeout "body_timeout" REQUEST_TIMEOUT "The body did not come in in time";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body's media type is not accepted";
    UnsupportedEncoding "unsupported_encoding" UNSUPPORTED_MEDIA_TYPE "The body's encoding is not accepted";
    TooDeep "too_deep" BAD_REQUEST "The body is nested too deeply";
    // Who may what.
    Unauthenticated "unauthenticated" UNAUTHORIZED "No valid credential was shown";
    Forbidden "forbidden" FORBIDDEN "The credential does not allow this";
    NotFound "not_found" NOT_FOUND "There is nothing here";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The method is not allowed here";
    HttpsRequired "https_required" FORBIDDEN "This needs https";
    RateLimited "rate_limited" TOO_MANY_REQUESTS "Too many requests";
    // Saying the same twice.
    IdempotencyKeyMissing "idempotency_key_missing" BAD_REQUEST "An idempotency key is needed";
    IdempotencyKeyInvalid "idempotency_key_invalid" BAD_REQUEST "The idempotency key is not valid";
    IdempotencyInProgress "idempotency_in_progress" CONFLICT "The first request with this key is not finished";
    IdempotencyMismatch "idempotency_mismatch" UNPROCESSABLE_ENTITY "The idempotency key was used for another request";
    // Reading at a position.
    CursorInvalid "cursor_invalid" BAD_REQUEST "The cursor is not valid";
    PositionOfOtherHistory "position_of_other_history" CONFLICT "The position is of another history";
    ViewBehind "view_behind" SERVICE_UNAVAILABLE "The view has not come as far yet";
    // We cannot, now.
    Busy "busy" SERVICE_UNAVAILABLE "Too much is waiting";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "This is not available now";
    ClockBehind "clock_behind" SERVICE_UNAVAILABLE "The clock is behind the roll";
    Timeout "timeout" SERVICE_UNAVAILABLE "The request took too long";
    Internal "internal" INTERNAL_SERVER_ERROR "Something broke on our side";
    // Paying.
    PaymentRequired "payment_required" PAYMENT_REQUIRED "This costs money";
    CredentialMalformed "credential_malformed" UNAUTHORIZED "The paid credential cannot be read";
    CredentialInvalid "credential_invalid" UNAUTHORIZED "The paid credential is not genuine";
    CredentialWrongScope "credential_wrong_scope" FORBIDDEN "The paid credential is for something else";
    CredentialExpired "credential_expired" PAYMENT_REQUIRED "The paid credential has ended";
    CredentialUnsettled "credential_unsettled" PAYMENT_REQUIRED "The payment is not confirmed yet";
    Consumed "consumed" FORBIDDEN "The paid credential is used up";
    // Those who take the money.
    ProviderUnavailable "provider_unavailable" SERVICE_UNAVAILABLE "The payment provider cannot be reached";
    ProviderRefused "provider_refused" BAD_GATEWAY "The payment provider refused";
    ProviderOutcomeUnknown "provider_outcome_unknown" GATEWAY_TIMEOUT "Whether the payment provider acted is not known";
    WebhookSignatureMissing "webhook_signature_missing" UNAUTHORIZED "The webhook is not signed";
    WebhookSignatureInvalid "webhook_signature_invalid" UNAUTHORIZED "The webhook's signature is wrong";
    WebhookMalformed "webhook_malformed" BAD_REQUEST "The webhook cannot be read";
    // The rules refuse: amounts and settings.
    AmountZero "amount_zero" UNPROCESSABLE_ENTITY "The amount is zero";
    AmountOutOfRange "amount_out_of_range" UNPROCESSABLE_ENTITY "The amount is outside what is allowed";
    AmountOverflow "amount_overflow" UNPROCESSABLE_ENTITY "The amount is larger than there can be";
    CostOfGift "cost_of_gift" UNPROCESSABLE_ENTITY "Credit that is given has no cost";
    DurationOutOfRange "duration_out_of_range" UNPROCESSABLE_ENTITY "The duration is outside what is allowed";
    CommodityForeign "commodity_foreign" UNPROCESSABLE_ENTITY "The commodity is not accepted here";
    CommodityUnknown "commodity_unknown" UNPROCESSABLE_ENTITY "The commodity is not declared";
    CommodityTaken "commodity_taken" CONFLICT "The commodity stands already, otherwise";
    ScaleTooLarge "scale_too_large" UNPROCESSABLE_ENTITY "The commodity has too many decimal places";
    SettingsContradict "settings_contradict" UNPROCESSABLE_ENTITY "The settings contradict each other";
    // Tenants, keys, connections, offers.
    TenantExists "tenant_exists" CONFLICT "The tenant exists";
    TenantNotFound "tenant_not_found" NOT_FOUND "The tenant does not exist";
    KeyExists "key_exists" CONFLICT "The key exists";
    KeyNotFound "key_not_found" NOT_FOUND "The key does not exist";
    ConnectionNotFound "connection_not_found" NOT_FOUND "The connection does not exist";
    ConnectionForbidden "connection_forbidden" FORBIDDEN "The connection is refused in this environment";
    OfferNotFound "offer_not_found" NOT_FOUND "The offer does not exist";
    OfferInvalid "offer_invalid" UNPROCESSABLE_ENTITY "The offer cannot be sold";
    // Accounts and lots.
    AccountRequired "account_required" UNPROCESSABLE_ENTITY "An account must be named";
    AccountNotFound "account_not_found" NOT_FOUND "The account does not exist";
    CreditInsufficient "credit_insufficient" PAYMENT_REQUIRED "The credit is not enough";
    AccountReserved "account_reserved" FORBIDDEN "The account is the tenant's own";
    AccountSame "account_same" UNPROCESSABLE_ENTITY "The accounts are the same";
    BillingOff "billing_off" SERVICE_UNAVAILABLE "Billing is switched off";
    BillingChanged "billing_changed" CONFLICT "Billing was changed meanwhile";
    BillingNotReady "billing_not_ready" CONFLICT "Billing is not ready for that mode";
    CeilingExceeded "ceiling_exceeded" UNPROCESSABLE_ENTITY "The amount is above the ceiling";
    ReservationExists "reservation_exists" CONFLICT "The reservation exists";
    ReservationNotFound "reservation_not_found" NOT_FOUND "The reservation does not exist";
    ReservationExpired "reservation_expired" NOT_FOUND "The reservation has expired";
    ReservationNotExpired "reservation_not_expired" CONFLICT "The reservation has not expired";
    ReservationFinalized "reservation_finalized" CONFLICT "The reservation is finalized otherwise";
    MintInvalid "mint_invalid" UNPROCESSABLE_ENTITY "Credit cannot be given like this";
    CampaignExists "campaign_exists" CONFLICT "The campaign exists";
    CampaignNotFound "campaign_not_found" NOT_FOUND "The campaign does not exist";
    CampaignInvalid "campaign_invalid" UNPROCESSABLE_ENTITY "No campaign can have these terms";
    CampaignNotActive "campaign_not_active" CONFLICT "The campaign gives nothing now";
    CampaignWrongStatus "campaign_wrong_status" CONFLICT "The campaign cannot go there from where it stands";
    CampaignNotOver "campaign_not_over" CONFLICT "The campaign's time is not over";
    BudgetExceeded "budget_exceeded" UNPROCESSABLE_ENTITY "More than is left of the campaign's budget";
    CapExceeded "cap_exceeded" UNPROCESSABLE_ENTITY "More than one account may get of the campaign";
    GrantExists "grant_exists" CONFLICT "The grant exists";
    LotNotFound "lot_not_found" NOT_FOUND "The lot does not exist";
    LotEmpty "lot_empty" CONFLICT "Nothing is left of the lot";
    LotReserved "lot_reserved" CONFLICT "Some of the lot is reserved";
    ClawbackExceeds "clawback_exceeds" UNPROCESSABLE_ENTITY "More than can be taken back";
    RefundExceeds "refund_exceeds" UNPROCESSABLE_ENTITY "More than can be refunded";
    SharesInvalid "shares_invalid" UNPROCESSABLE_ENTITY "The shares cannot hold";
    SharesNotFound "shares_not_found" NOT_FOUND "The rule of shares does not exist";
    SharesNotOpen "shares_not_open" CONFLICT "The rule of shares is not open for that";
    FourEyes "four_eyes" FORBIDDEN "Somebody else has to approve it";
    PossibleDuplicate "possible_duplicate" CONFLICT "This may be the same credit again";
    LotExists "lot_exists" CONFLICT "The lot exists";
    LotNotExpired "lot_not_expired" CONFLICT "The lot has not expired";
    // Payments, reviews, receipts.
    PaymentExists "payment_exists" CONFLICT "The payment exists";
    PaymentNotFound "payment_not_found" NOT_FOUND "The payment does not exist";
    PaymentTooLate "payment_too_late" CONFLICT "It is too late for that";
    PaymentTooEarly "payment_too_early" CONFLICT "It is too early for that";
    PaymentNotPaid "payment_not_paid" CONFLICT "The payment is not paid";
    ReviewNotFound "review_not_found" NOT_FOUND "The review does not exist";
    ReviewClosed "review_closed" CONFLICT "The review is closed";
    ReviewNotApplicable "review_not_applicable" UNPROCESSABLE_ENTITY "The review cannot be resolved this way";
    EventReceived "event_received" CONFLICT "The event was received before";
    ReceiptNotParked "receipt_not_parked" NOT_FOUND "No such receipt is parked";
    // Entitlements.
    EntitlementNotFound "entitlement_not_found" NOT_FOUND "The entitlement does not exist";
    EntitlementUsedUp "entitlement_used_up" PAYMENT_REQUIRED "The entitlement is used up";
    EntitlementEnded "entitlement_ended" PAYMENT_REQUIRED "The entitlement has ended";
    EntitlementRevoked "entitlement_revoked" FORBIDDEN "The entitlement is revoked";
    UseNotFound "use_not_found" NOT_FOUND "The use does not exist";
    // The roll itself.
    ClaimTaken "claim_taken" CONFLICT "A name that can be taken once is taken";
    StreamFrozen "stream_frozen" CONFLICT "The history of this is broken and must be acknowledged first";
    NothingFrozen "nothing_frozen" NOT_FOUND "Nothing is frozen there";
    DutyNotOpen "duty_not_open" NOT_FOUND "No such duty is open";
    LetterNotFound "letter_not_found" NOT_FOUND "The dead letter does not exist";
    LetterEnded "letter_ended" CONFLICT "The dead letter has ended";
    LetterBusy "letter_busy" CONFLICT "An attempt at the dead letter is under way";
    ReasonNeeded "reason_needed" UNPROCESSABLE_ENTITY "A reason is needed";
}

impl Code {
    /// After how many seconds asking again makes sense, where it does.
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Busy
            | Self::ViewBehind
            | Self::IdempotencyInProgress
            | Self::CredentialUnsettled => Some(1),
            Self::Unavailable
            | Self::BillingOff
            | Self::ClockBehind
            | Self::Timeout
            | Self::ProviderUnavailable => Some(5),
            Self::ProviderOutcomeUnknown | Self::RateLimited => Some(10),
            _ => None,
        }
    }
}
