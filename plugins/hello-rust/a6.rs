// SPDX-License-Identifier: Apache-2.0
//! The plugin interface of <a6/plugin.h> for Rust, written by hand: the C structs, and a
//! thin safe layer over the functions that most plugins need. Uses `core` only.
//!
//! Copy this file beside your plugin. The structs are those of ABI 1.0; later ones only
//! grow at their ends, so that what is here stays right.
#![allow(dead_code)]

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ops::Deref;

// ---- the C structs ----

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub data: *const u8,
    pub len: usize,
}

#[repr(C)]
pub struct Pair {
    pub name: Str,
    pub value: Str,
}

/// What the pointers that C hands out have in common: they begin with the host's table.
#[repr(C)]
pub struct Handle {
    host: *const Host,
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

/// The host's table, in the order of <a6/host.h>. What the layer below does not use is
/// a plain pointer.
#[repr(C)]
pub struct Host {
    abi_major: u32,
    abi_minor: u32,
    size: usize,

    log_enabled: unsafe extern "C" fn(*const Host, i32) -> i32,
    call_log: Log,
    call_id: unsafe extern "C" fn(*const Handle) -> u32,
    call_state: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    call_time_left: unsafe extern "C" fn(*const Handle) -> i64,
    call_alloc: unsafe extern "C" fn(*mut Handle, usize) -> *mut c_void,
    call_set: unsafe extern "C" fn(*mut Handle, Str, *mut c_void) -> i32,
    call_get: unsafe extern "C" fn(*const Handle, Str) -> *mut c_void,
    call_var: unsafe extern "C" fn(*mut Handle, Str, *mut Str) -> i32,
    call_request_body: unsafe extern "C" fn(*mut Handle, *mut Str) -> i32,
    call_error: unsafe extern "C" fn(*mut Handle, *const u8, usize),
    call_suspend: *const c_void,
    call_delay: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    pending_resume: *const c_void,

    request_source: unsafe extern "C" fn(*const Handle) -> Str,
    request_source_text: unsafe extern "C" fn(*mut Handle) -> Str,
    request_method: unsafe extern "C" fn(*const Handle) -> u32,
    request_path: unsafe extern "C" fn(*const Handle) -> Str,
    request_arg_count: unsafe extern "C" fn(*const Handle) -> usize,
    request_arg_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    request_header_count: unsafe extern "C" fn(*const Handle) -> usize,
    request_header_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    request_find_header: unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32,
    request_set_path: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    request_set_arg: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    request_add_arg: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    request_delete_arg: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    request_set_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    request_add_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    request_delete_header: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    request_set_body: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    request_add_response_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    answer: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    answer_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    answer_write: unsafe extern "C" fn(*mut Handle, Str) -> i32,

    response_status: unsafe extern "C" fn(*const Handle) -> u32,
    response_header_count: unsafe extern "C" fn(*const Handle) -> usize,
    response_header_at: unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32,
    response_find_header: unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32,
    response_body: unsafe extern "C" fn(*mut Handle, *mut Str) -> i32,
    response_set_status: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    response_set_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    response_add_header: unsafe extern "C" fn(*mut Handle, Str, Str) -> i32,
    response_delete_header: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    response_set_body: unsafe extern "C" fn(*mut Handle, Str) -> i32,

    env_log: Log,
    env_error: unsafe extern "C" fn(*mut Handle, *const u8, usize),
    env_state: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    env_need_var: unsafe extern "C" fn(*mut Handle, Str) -> i32,
    env_need: unsafe extern "C" fn(*mut Handle, u32) -> i32,
    env_cell: unsafe extern "C" fn(*mut Handle, Str, *mut *mut Handle) -> i32,
    cell_add: unsafe extern "C" fn(*mut Handle, u32, i64) -> i64,
    cell_get: unsafe extern "C" fn(*const Handle, u32) -> i64,
    cell_swap: unsafe extern "C" fn(*mut Handle, u32, i64, i64) -> i32,
    cell_take: unsafe extern "C" fn(*mut Handle, f64, f64) -> i64,
}

type Log = unsafe extern "C" fn(*const Handle, i32, *const u8, usize);
type Change = unsafe extern "C" fn(*mut Handle, Str, Str) -> i32;
type Give = unsafe extern "C" fn(*mut Handle, Str) -> i32;
type At = unsafe extern "C" fn(*const Handle, usize, *mut Pair) -> i32;
type Find = unsafe extern "C" fn(*const Handle, Str, *mut usize) -> i32;

// ---- the safe layer ----

/// A negative errno value that a function of the host gave.
#[derive(Clone, Copy, Debug)]
pub struct Error(pub i32);

/// A name with its value, which an arg may lack.
pub type Named<'a> = (&'a [u8], Option<&'a [u8]>);

pub type Result<T> = core::result::Result<T, Error>;

#[derive(Clone, Copy)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

fn give(text: &[u8]) -> Str {
    Str { data: text.as_ptr(), len: text.len() }
}

/// What C hands out is valid until the filter has ended: `'a`. Absent: None.
unsafe fn take<'a>(text: Str) -> Option<&'a [u8]> {
    if text.data.is_null() {
        return None;
    }
    Some(core::slice::from_raw_parts(text.data, text.len))
}

fn check(result: i32) -> Result<()> {
    if result < 0 {
        Err(Error(result))
    } else {
        Ok(())
    }
}

fn write_log(host: &Host, log: Log, handle: *const Handle, level: Level, text: &str) {
    unsafe {
        if (host.log_enabled)(host, level as i32) != 0 {
            log(handle, level as i32, text.as_ptr(), text.len());
        }
    }
}

/// Where a conf is parsed.
pub struct Env<'a> {
    handle: *mut Handle,
    life: PhantomData<&'a ()>,
}

impl<'a> Env<'a> {
    /// # Safety
    /// handle is what parse_conf or init was given, and is used by this thread only.
    pub unsafe fn new(handle: *mut Handle) -> Env<'a> {
        Env { handle, life: PhantomData }
    }
    fn host(&self) -> &Host {
        unsafe { &*(*self.handle).host }
    }
    /// Says why the conf is refused; return the value.
    pub fn error(&mut self, text: &str) -> i32 {
        unsafe { (self.host().env_error)(self.handle, text.as_ptr(), text.len()) };
        -22
    }
    pub fn need_var(&mut self, name: &str) -> Result<()> {
        check(unsafe { (self.host().env_need_var)(self.handle, give(name.as_bytes())) })
    }
    pub fn need(&mut self, bodies: u32) -> Result<()> {
        check(unsafe { (self.host().env_need)(self.handle, bodies) })
    }
    pub fn log(&self, level: Level, text: &str) {
        write_log(self.host(), self.host().env_log, self.handle, level, text);
    }
    /// Keep it in the conf, or, from init, in the state: it is valid as long as these.
    pub fn cell(&mut self, name: &str) -> Result<Cell> {
        let mut cell = core::ptr::null_mut();
        check(unsafe { (self.host().env_cell)(self.handle, give(name.as_bytes()), &mut cell) })?;
        Ok(Cell { handle: cell })
    }
}

/// Six numbers that all threads and workers share.
pub struct Cell {
    handle: *mut Handle,
}

unsafe impl Send for Cell {}
unsafe impl Sync for Cell {}

impl Cell {
    fn host(&self) -> &Host {
        unsafe { &*(*self.handle).host }
    }
    pub fn add(&self, slot: u32, delta: i64) -> i64 {
        unsafe { (self.host().cell_add)(self.handle, slot, delta) }
    }
    pub fn get(&self, slot: u32) -> i64 {
        unsafe { (self.host().cell_get)(self.handle, slot) }
    }
    pub fn swap(&self, slot: u32, expected: i64, desired: i64) -> bool {
        unsafe { (self.host().cell_swap)(self.handle, slot, expected, desired) == 1 }
    }
    /// A drop into a leaky bucket: how many ms it has to wait, or -1.
    pub fn take(&self, rate: f64, burst: f64) -> i64 {
        unsafe { (self.host().cell_take)(self.handle, rate, burst) }
    }
}

/// What both phases have.
pub struct Call<'a> {
    handle: *mut Handle,
    life: PhantomData<&'a ()>,
}

impl<'a> Call<'a> {
    fn host(&self) -> &Host {
        unsafe { &*(*self.handle).host }
    }
    pub fn id(&self) -> u32 {
        unsafe { (self.host().call_id)(self.handle) }
    }
    pub fn time_left(&self) -> i64 {
        unsafe { (self.host().call_time_left)(self.handle) }
    }
    pub fn log(&self, level: Level, text: &str) {
        write_log(self.host(), self.host().call_log, self.handle, level, text);
    }
    /// Says why the filter fails; return the value.
    pub fn error(&self, text: &str) -> i32 {
        unsafe { (self.host().call_error)(self.handle, text.as_ptr(), text.len()) };
        ERROR
    }
    pub fn var(&self, name: &str) -> Result<Option<&'a [u8]>> {
        let mut value = give(b"");
        check(unsafe { (self.host().call_var)(self.handle, give(name.as_bytes()), &mut value) })?;
        Ok(unsafe { take(value) })
    }
    pub fn request_body(&self) -> Result<Option<&'a [u8]>> {
        let mut body = give(b"");
        check(unsafe { (self.host().call_request_body)(self.handle, &mut body) })?;
        Ok(unsafe { take(body) })
    }
    /// `return req.delay(20);`
    pub fn delay(&self, ms: u32) -> i32 {
        unsafe { (self.host().call_delay)(self.handle, ms) }
    }
    /// What the plugin's init left in *state.
    pub fn state(&self) -> *mut c_void {
        unsafe { (self.host().call_state)(self.handle) }
    }

    fn change(&self, function: Change, name: &str, value: &[u8]) -> Result<()> {
        check(unsafe { function(self.handle, give(name.as_bytes()), give(value)) })
    }
    fn give(&self, function: Give, data: &[u8]) -> Result<()> {
        check(unsafe { function(self.handle, give(data)) })
    }
    fn at(&self, function: At, index: usize) -> Option<Named<'a>> {
        let mut pair = Pair { name: give(b""), value: give(b"") };
        if unsafe { function(self.handle, index, &mut pair) } < 0 {
            return None;
        }
        Some(unsafe { (take(pair.name).unwrap_or(b""), take(pair.value)) })
    }
    fn find(&self, find: Find, at: At, name: &str) -> Option<&'a [u8]> {
        let mut index = 0;
        if unsafe { find(self.handle, give(name.as_bytes()), &mut index) } < 0 {
            return None;
        }
        self.at(at, index)?.1
    }
}

/// A call in one of the phases: it can do all that a Call can.
macro_rules! phase {
    ($name:ident) => {
        pub struct $name<'a>(Call<'a>);

        impl<'a> Deref for $name<'a> {
            type Target = Call<'a>;
            fn deref(&self) -> &Call<'a> {
                &self.0
            }
        }

        impl<'a> $name<'a> {
            /// # Safety
            /// handle is what the filter was given, and is used by this thread only.
            pub unsafe fn new(handle: *mut Handle) -> $name<'a> {
                $name(Call { handle, life: PhantomData })
            }
        }
    };
}

phase!(Request);

impl<'a> Request<'a> {
    /// 4 or 16 bytes.
    pub fn source(&self) -> Option<&'a [u8]> {
        unsafe { take((self.host().request_source)(self.0.handle)) }
    }
    pub fn source_text(&self) -> &'a [u8] {
        unsafe { take((self.host().request_source_text)(self.0.handle)) }.unwrap_or(b"")
    }
    /// By <a6/plugin.h>: 0 GET, 1 HEAD, 2 POST and so on.
    pub fn method(&self) -> u32 {
        unsafe { (self.host().request_method)(self.0.handle) }
    }
    pub fn path(&self) -> &'a [u8] {
        unsafe { take((self.host().request_path)(self.0.handle)) }.unwrap_or(b"")
    }
    pub fn arg_count(&self) -> usize {
        unsafe { (self.host().request_arg_count)(self.0.handle) }
    }
    /// Name and value by place; None past the end. So for headers.
    pub fn arg_at(&self, index: usize) -> Option<Named<'a>> {
        self.at(self.host().request_arg_at, index)
    }
    pub fn header_count(&self) -> usize {
        unsafe { (self.host().request_header_count)(self.0.handle) }
    }
    pub fn header_at(&self, index: usize) -> Option<Named<'a>> {
        self.at(self.host().request_header_at, index)
    }
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.find(self.host().request_find_header, self.host().request_header_at, name)
    }
    pub fn set_path(&mut self, path: &[u8]) -> Result<()> {
        self.give(self.host().request_set_path, path)
    }
    pub fn set_arg(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().request_set_arg, name, value)
    }
    pub fn add_arg(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().request_add_arg, name, value)
    }
    pub fn delete_arg(&mut self, name: &str) -> Result<()> {
        self.give(self.host().request_delete_arg, name.as_bytes())
    }
    pub fn set_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().request_set_header, name, value)
    }
    pub fn add_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().request_add_header, name, value)
    }
    pub fn delete_header(&mut self, name: &str) -> Result<()> {
        self.give(self.host().request_delete_header, name.as_bytes())
    }
    pub fn set_body(&mut self, body: &[u8]) -> Result<()> {
        self.give(self.host().request_set_body, body)
    }
    pub fn add_response_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().request_add_response_header, name, value)
    }
    pub fn answer(&mut self, status: u32) -> Result<()> {
        check(unsafe { (self.host().answer)(self.0.handle, status) })
    }
    pub fn answer_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().answer_header, name, value)
    }
    pub fn answer_write(&mut self, data: &[u8]) -> Result<()> {
        self.give(self.host().answer_write, data)
    }
}

phase!(Response);

impl<'a> Response<'a> {
    pub fn status(&self) -> u32 {
        unsafe { (self.host().response_status)(self.0.handle) }
    }
    pub fn header_count(&self) -> usize {
        unsafe { (self.host().response_header_count)(self.0.handle) }
    }
    pub fn header_at(&self, index: usize) -> Option<Named<'a>> {
        self.at(self.host().response_header_at, index)
    }
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.find(self.host().response_find_header, self.host().response_header_at, name)
    }
    pub fn body(&self) -> Result<&'a [u8]> {
        let mut body = give(b"");
        check(unsafe { (self.host().response_body)(self.0.handle, &mut body) })?;
        Ok(unsafe { take(body) }.unwrap_or(b""))
    }
    pub fn set_status(&mut self, status: u32) -> Result<()> {
        check(unsafe { (self.host().response_set_status)(self.0.handle, status) })
    }
    pub fn set_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().response_set_header, name, value)
    }
    pub fn add_header(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.change(self.host().response_add_header, name, value)
    }
    pub fn delete_header(&mut self, name: &str) -> Result<()> {
        self.give(self.host().response_delete_header, name.as_bytes())
    }
    pub fn set_body(&mut self, body: &[u8]) -> Result<()> {
        self.give(self.host().response_set_body, body)
    }
}
