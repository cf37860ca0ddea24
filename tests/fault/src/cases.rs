//! From a case to its tests.

/// Makes the tests of a module's cases: `direct::case_…`, `session::…`, `transaction::…`. To be used once in a module. A line
/// may have attributes, and a case more than one line, if the paths differ in them.
///
/// ```no_run
/// # use plproxy_fault::{cases, scene::Scene};
/// cases! {
///     case_05_restart: direct;
///     #[ignore = "waits for something"]
///     case_05_restart: session, transaction;
/// }
/// # fn case_05_restart(_: &mut Scene) {}
/// ```
#[macro_export]
macro_rules! cases {
    ($($(#[$attribute:meta])* $case:ident: $($path:ident),+;)+) => {
        mod direct {
            $($crate::case_on_path!(direct Direct; [$(#[$attribute])*] $case: $($path)+);)+
        }
        mod session {
            $($crate::case_on_path!(session Session; [$(#[$attribute])*] $case: $($path)+);)+
        }
        mod transaction {
            $($crate::case_on_path!(transaction Transaction; [$(#[$attribute])*] $case: $($path)+);)+
        }
    };
}

/// The test of a case on one path, if that is among the case's paths.
#[doc(hidden)]
#[macro_export]
macro_rules! case_on_path {
    (direct $variant:ident; $attributes:tt $case:ident: direct $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $attributes $case);
    };
    (session $variant:ident; $attributes:tt $case:ident: session $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $attributes $case);
    };
    (transaction $variant:ident; $attributes:tt $case:ident: transaction $($rest:ident)*) => {
        $crate::case_on_path!(@test $variant $attributes $case);
    };
    (@test $variant:ident [$($attribute:tt)*] $case:ident) => {
        #[test]
        $($attribute)*
        fn $case() {
            $crate::scene::run($crate::scene::Path::$variant, super::$case);
        }
    };
    ($path:ident $variant:ident; $attributes:tt $case:ident: $other:ident $($rest:ident)*) => {
        $crate::case_on_path!($path $variant; $attributes $case: $($rest)*);
    };
    ($path:ident $variant:ident; $attributes:tt $case:ident:) => {};
}
