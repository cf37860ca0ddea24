//! Foreign servers and user mappings (`foreign/foreign.h`).

use super::encoding;
use pgrx::pg_sys::{self, Oid};

/// Options as pairs. A value that is missing, which only a hand-written catalog has, is empty.
pub type Options = Vec<(String, String)>;

/// A foreign server and the options of its wrapper.
#[derive(Debug)]
pub struct ForeignServer {
    /// OID of the server.
    pub oid: Oid,
    /// Who owns it.
    pub owner: Oid,
    /// The server's options.
    pub options: Options,
    /// The wrapper's options.
    pub wrapper_options: Options,
}

/// The server of this name, if there is one on the foreign-data wrapper `wrapper`.
pub fn server(name: &str, wrapper: &str) -> Option<ForeignServer> {
    let name = encoding::to_server_cstring(name);
    // SAFETY: NUL-terminated text; both look-ups return palloc'd structs, the first NULL if there is no such server.
    unsafe {
        let server = pg_sys::GetForeignServerByName(name.as_ptr().cast(), true).as_ref()?;
        let foreign_wrapper = &*pg_sys::GetForeignDataWrapper(server.fdwid);
        (encoding::from_server_cstr(foreign_wrapper.fdwname) == wrapper).then(|| ForeignServer {
            oid: server.serverid,
            owner: server.owner,
            options: options(server.options),
            wrapper_options: options(foreign_wrapper.options),
        })
    }
}

/// Whether a server could have this name: PostgreSQL keeps no longer ones.
pub fn may_be_name(name: &str) -> bool {
    // In the server's encoding a character may take fewer bytes, but never less than a quarter.
    let bytes = name.len();
    let longest = pg_sys::NAMEDATALEN as usize - 1;
    bytes <= longest || (bytes <= 4 * longest && encoding::to_server_cstring(name).len() <= longest)
}

/// Raises `permission denied` unless the role has USAGE on the server.
pub fn require_usage(server: Oid, server_name: &str, role: Oid) {
    // SAFETY: syscache look-ups; aclcheck_error raises an ERROR unless it is told that all is well.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let result = pg_sys::pg_foreign_server_aclcheck(server, role, pg_sys::ACL_USAGE);
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let result = pg_sys::object_aclcheck(pg_sys::ForeignServerRelationId, server, role, pg_sys::ACL_USAGE.into());
        if result != pg_sys::AclResult::ACLCHECK_OK {
            let server_name = encoding::to_server_cstring(server_name);
            pg_sys::aclcheck_error(result, pg_sys::ObjectType::OBJECT_FOREIGN_SERVER, server_name.as_ptr().cast());
        }
    }
}

/// Whether the role has a mapping on the server, its own or PUBLIC's.
pub fn has_user_mapping(server: Oid, role: Oid) -> bool {
    [role, pg_sys::InvalidOid].into_iter().any(|user| {
        // SAFETY: a syscache look-up; InvalidOid if there is nothing.
        let mapping = unsafe {
            pg_sys::GetSysCacheOid(
                pg_sys::SysCacheIdentifier::USERMAPPINGUSERSERVER as i32,
                pg_sys::Anum_pg_user_mapping_oid as i16,
                pg_sys::Datum::from(user),
                pg_sys::Datum::from(server),
                pg_sys::Datum::null(),
                pg_sys::Datum::null(),
            )
        };
        mapping != pg_sys::InvalidOid
    })
}

/// The options of the role's mapping on the server, its own before PUBLIC's. Raises an ERROR if it has neither.
pub fn user_mapping(server: Oid, role: Oid) -> Options {
    // SAFETY: the result is palloc'd.
    unsafe { options((*pg_sys::GetUserMapping(role, server)).options) }
}

/// # Safety
/// `list` is a valid list of DefElem nodes, or NULL.
unsafe fn options(list: *mut pg_sys::List) -> Options {
    // SAFETY: the caller's promise; defGetString raises an ERROR where there is no value, so it isn't asked then.
    unsafe {
        let length = list.as_ref().map_or(0, |list| list.length);
        (0..length)
            .map(|i| {
                let element = &*pg_sys::list_nth(list, i).cast::<pg_sys::DefElem>();
                let name = encoding::from_server_cstr(element.defname);
                let value = match element.arg.is_null() {
                    true => String::new(),
                    false => encoding::from_server_cstr(pg_sys::defGetString((&raw const *element).cast_mut())),
                };
                (name, value)
            })
            .collect()
    }
}
