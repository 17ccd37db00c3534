// SPDX-License-Identifier: Apache-2.0
//! The C structs of <a6/plugin.h> and <a6/host.h>, as of ABI 1.0; later ones only grow at
//! their ends, so that what is here stays right. For a6.rs, which is what plugins use.

use core::ffi::c_void;

/// A run of bytes that is somebody else's; absent when data is null.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub data: *const u8,
    pub len: usize,
}

// It can go anywhere: what it points to is reached by an unsafe function only.
unsafe impl Send for Str {}
unsafe impl Sync for Str {}

impl Str {
    pub const fn new(bytes: &[u8]) -> Str {
        Str { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// None when absent.
    ///
    /// # Safety
    /// The bytes stay where they are, and as they are, for all of 'a.
    pub unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        if self.data.is_null() {
            return None;
        }
        Some(core::slice::from_raw_parts(self.data, self.len))
    }
}

#[repr(C)]
pub struct Pair {
    pub name: Str,
    pub value: Str,
}

/// What the pointers that C hands out have in common: they begin with the host's table.
#[repr(C)]
pub struct Handle {
    pub(super) host: *const Host,
}

pub const ERROR: i32 = -1;
pub const OK: i32 = 0;
pub const PENDING: i32 = 1;

pub const BLOCKING: u32 = 1 << 0;
pub const NONBLOCKING: u32 = 1 << 1;
pub const NEED_REQUEST_BODY: u32 = 1 << 2;
pub const NEED_RESPONSE_BODY: u32 = 1 << 3;

pub type Filter = unsafe extern "C" fn(*mut Handle, *mut c_void) -> i32;

#[repr(C)]
pub struct Plugin {
    pub abi_major: u32,
    pub abi_minor: u32,
    pub size: usize,
    pub name: *const u8,
    pub version: *const u8,
    pub summary: *const u8,
    pub flags: u32,
    pub need_vars: *const *const u8,
    pub max_body: usize,
    pub deadline_ms: u32,
    pub init: Option<unsafe extern "C" fn(*mut Handle, *mut *mut c_void) -> i32>,
    pub shutdown: Option<unsafe extern "C" fn(*mut c_void)>,
    pub parse_conf: Option<unsafe extern "C" fn(*mut Handle, Str, *mut *mut c_void) -> i32>,
    pub free_conf: Option<unsafe extern "C" fn(*mut c_void)>,
    pub request_filter: Option<Filter>,
    pub response_filter: Option<Filter>,
}

// It is only ever read.
unsafe impl Sync for Plugin {}

impl Plugin {
    /// Everything that may be left out is; texts end with a NUL.
    pub const fn new(name: &'static [u8], version: &'static [u8], summary: &'static [u8]) -> Plugin {
        Plugin {
            abi_major: 1,
            abi_minor: 0,
            size: core::mem::size_of::<Plugin>(),
            name: name.as_ptr(),
            version: version.as_ptr(),
            summary: summary.as_ptr(),
            flags: 0,
            need_vars: core::ptr::null(),
            max_body: 0,
            deadline_ms: 0,
            init: None,
            shutdown: None,
            parse_conf: None,
            free_conf: None,
            request_filter: None,
            response_filter: None,
        }
    }
}

#[repr(C)]
pub struct Module {
    abi_major: u32,
    abi_minor: u32,
    size: usize,
    first: *const *const Plugin,
    end: *const *const Plugin,
}

unsafe impl Sync for Module {}

impl Module {
    pub const fn new(first: *const *const Plugin, end: *const *const Plugin) -> Module {
        Module {
            abi_major: 1,
            abi_minor: 0,
            size: core::mem::size_of::<Module>(),
            first,
            end,
        }
    }
}

/// One pointer in the list of a module.
#[repr(transparent)]
pub struct Entry(pub *const Plugin);

unsafe impl Sync for Entry {}

/// Exports the plugins: `a6_module!(&FIRST, &SECOND);`, each a `static`.
#[macro_export]
macro_rules! a6_module {
    ($($plugin:expr),+ $(,)?) => {
        static A6_ENTRIES: &[$crate::a6::Entry] = &[$($crate::a6::Entry($plugin)),+];

        #[no_mangle]
        pub extern "C" fn a6_module_get() -> *const $crate::a6::Module {
            static MODULE: $crate::a6::Module = $crate::a6::Module::new(
                A6_ENTRIES.as_ptr() as *const *const $crate::a6::Plugin,
                unsafe { A6_ENTRIES.as_ptr().add(A6_ENTRIES.len()) } as *const *const $crate::a6::Plugin,
            );
            &MODULE
        }
    };
}

/// The host's table, in the order of <a6/host.h>.
#[repr(C)]
pub struct Host {
    pub(super) abi_major: u32,
    pub(super) abi_minor: u32,
    pub(super) size: usize,

    pub(super) log_enabled: unsafe extern "C" fn(*const Host, i32) -> i32,
    pub(super) call_log: Log,
    pub(super) call_id: unsafe extern "C" fn(*const Handle) -> u32,
    pub(super) call_state: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    pub(super) call_time_left: unsafe extern "C" fn(*const Handle) -> i64,
    pub(super) call_alloc: unsafe extern "C" fn(*mut Handle, usize) -> *mut c_void,
    pub(super) call_set: unsafe extern "C" fn(*mut Handle, Str, *mut c_void) -> i32,
    pub(super) call_get: unsafe extern "C" fn(*const Handle, Str) -> *mut c_void,
    pub(super) call_var: unsafe extern "C" fn(*mut Handle, Str, *mut Str) -> i32,
    pub(super) call_request_body: unsafe extern "C" fn(*mut Handle, *mut Str) -> i32,
    pub(super) call_error: unsafe extern "C" fn(*mut Handle, *const u8, usize),
    pub(super) call_suspend: unsafe extern "C" fn(*mut Handle) -> *mut Handle,
    pub(super) call_delay: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    pub(super) pending_resume: unsafe extern "C" fn(*mut Handle, i32) -> i32,

    pub(super) request_source: unsafe extern "C" fn(*const Handle) -> Str,
    pub(super) request_source_text: unsafe extern "C" fn(*mut Handle) -> Str,
    pub(super) request_method: unsafe extern "C" fn(*const Handle) -> u32,
    pub(super) request_path: unsafe extern "C" fn(*const Handle) -> Str,
    pub(super) request_arg_count: unsafe extern "C" fn(*const Handle) -> usize,
    pub(super) request_arg_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    pub(super) request_header_count: unsafe extern "C" fn(*const Handle) -> usize,
    pub(super) request_header_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    pub(super) request_find_header: unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32,
    pub(super) request_set_path: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) request_set_arg: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) request_add_arg: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) request_delete_arg: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) request_set_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) request_add_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) request_delete_header: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) request_set_body: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) request_add_response_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) answer: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    pub(super) answer_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) answer_write: unsafe extern "C" fn(*mut Handle, Str) -> i32,

    pub(super) response_status: unsafe extern "C" fn(*const Handle) -> u32,
    pub(super) response_header_count: unsafe extern "C" fn(*const Handle) -> usize,
    pub(super) response_header_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    pub(super) response_find_header: unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32,
    pub(super) response_body: unsafe extern "C" fn(*mut Handle, *mut Str) -> i32,
    pub(super) response_set_status: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    pub(super) response_set_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) response_add_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    pub(super) response_delete_header: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) response_set_body: unsafe extern "C" fn(*mut Handle, Str) -> i32,

    pub(super) env_log: Log,
    pub(super) env_error: unsafe extern "C" fn(*mut Handle, *const u8, usize),
    pub(super) env_state: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    pub(super) env_need_var: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    pub(super) env_need: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    pub(super) env_cell: unsafe extern "C" fn(*mut Handle, Str, *mut *mut Handle) -> i32,
    pub(super) cell_add: unsafe extern "C" fn(*mut Handle, u32, i64) -> i64,
    pub(super) cell_get: unsafe extern "C" fn(*const Handle, u32) -> i64,
    pub(super) cell_swap: unsafe extern "C" fn(*mut Handle, u32, i64, i64) -> i32,
    pub(super) cell_take: unsafe extern "C" fn(*mut Handle, f64, f64) -> i64,
}

pub(super) type Log = unsafe extern "C" fn(*const Handle, i32, *const u8, usize);
pub(super) type Change = unsafe extern "C" fn(*mut Handle, Str, Str) -> i32;
pub(super) type Give = unsafe extern "C" fn(*mut Handle, Str) -> i32;
pub(super) type At = unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32;
pub(super) type Find = unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32;
