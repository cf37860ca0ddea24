//! From a case to its tests.

/// Makes the tests of a module's cases: `direct::case_…`, `session::…`, `transaction::…`. To be used once in a module.
///
/// ```no_run
/// # use plproxy_fault::{cases, scene::Scene};
/// cases! {
///     case_05_restart: direct, session, transaction;
/// }
/// # fn case_05_restart(_: &mut Scene) {}
/// ```
#[macro_export]
macro_rules! cases {
    ($($case:ident: $($path:ident),+;)+) => {
        mod direct {
            $($crate::case_on_path!(direct Direct; $case: $($path)+);)+
        }
        mod session {
            $($crate::case_on_path!(session Session; $case: $($path)+);)+
        }
        mod transaction {
            $($crate::case_on_path!(transaction Transaction; $case: $($path)+);)+
        }
    };
}

/// The test of a case on one path, if that is among the case's paths.
#[doc(hidden)]
#[macro_export]
macro_rules! case_on_path {
    (direct $variant:ident; $case:ident: direct $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $case);
    };
    (session $variant:ident; $case:ident: session $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $case);
    };
    (transaction $variant:ident; $case:ident: transaction $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $case);
    };
    (@test $variant:ident $case:ident) => {
        #[test]
        fn $case() {
            $crate::scene::run($crate::scene::Path::$variant, super::$case);
        }
    };
    ($path:ident $variant:ident; $case:ident: $other:ident $($rest:ident)*) => {
        $crate::case_on_path!($path $variant; $case: $($rest)*);
    };
    ($path:ident $variant:ident; $case:ident:) => {};
}
