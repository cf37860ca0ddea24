//! What holds for every text.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::{collection, sample};

use super::super::Settings;
use super::world;

const KEYWORDS: [&str; 6] = ["host", "user", "dbname", "port", "options", "passfile"];

/// Texts that come near to connection strings more often than random ones do.
fn connstrings() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        sample::select(vec![
            "postgres://",
            "postgresql://",
            "host",
            "password",
            "service",
            "port",
            "sslmode",
            "=",
            "'",
            "\\",
            " ",
            "@",
            ":",
            "/",
            "?",
            "&",
            "[",
            "]",
            ",",
            "%",
            "%41",
            "%00",
            "%ff",
            "!",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

/// Percent-encodes what the syntax would not take literally, and some that it would.
fn encode(text: &str) -> String {
    let encode_byte = |byte: u8| match byte {
        b'a'..=b'y' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode_byte).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in prop_oneof![connstrings(), any::<String>()]) {
        let world = world().file("/home/app/.pgpass", &text).file("/home/app/.pg_service.conf", &text);
        let _ = world.resolve(&text).map(|endpoint| format!("{endpoint} {endpoint:?}"));
        let _ = world.resolve("service=host");
    }

    #[test]
    fn printed_settings_parse_back(
        pairs in collection::vec((sample::select(&KEYWORDS[..]), "[^\0]*"), 0..6),
    ) {
        let mut settings = Settings::default();
        for (keyword, value) in pairs {
            settings.set(keyword, value).unwrap();
        }
        prop_assert_eq!(Settings::parse(&settings.to_string()).unwrap(), settings);
    }

    #[test]
    fn encoded_parts_of_a_uri_are_decoded(
        scheme in prop_oneof![Just("postgres"), Just("postgresql")],
        parts in sample::subsequence(vec!["user", "password", "dbname"], 3),
        values in collection::vec("[^\0]{1,8}", 3),
    ) {
        let [user, password, dbname] = [0, 1, 2].map(|index| encode(&values[index]));
        let uri = format!("{scheme}://{user}:{password}@/{dbname}");
        let by_query = format!("{scheme}://?user={user}&password={password}&dbname={dbname}");
        for text in [uri, by_query] {
            let settings = Settings::parse(&text).unwrap();
            for (part, value) in parts.iter().zip(&values) {
                prop_assert_eq!(settings.get(part), Some(value.as_str()));
            }
        }
    }

    #[test]
    fn errors_never_hold_a_password(
        before in "[a-z@:/?&=%\\[ ',]{0,6}",
        after in "[a-z@:/?&=%\\[ ',]{0,6}",
    ) {
        // Capitals occur nowhere else, so that any part of the password is recognised.
        let secret = "HUSH";
        for text in [
            format!("password={secret}{before} {secret} {after}"),
            format!("password='{secret}' {after}"),
            format!("host=h password = '{secret}\\'{secret}'{after}"),
            format!("postgres://user:{secret}{secret}@{after}"),
            format!("postgres://?password={secret}%{secret}&{secret}{after}"),
        ] {
            if let Err(error) = world().resolve(&text) {
                prop_assert!(!error.to_string().contains(secret), "{text}: {error}");
            }
        }
    }
}
