// SPDX-License-Identifier: Apache-2.0
//! The plugin interface of <a6/plugin.h> for Rust: a thin safe layer over the C structs of
//! a6_abi.rs. Uses `core` only. Copy both files beside your plugin.
//!
//! What a call gives is borrowed from the filter's own parameter, so that it cannot be kept
//! for longer than the filter runs. A call belongs to one thread; it changes hands as a
//! Pending.
#![allow(dead_code)]

// C cannot be unwound. (A plugin that catches all its panics may take this out.)
#[cfg(all(panic = "unwind", not(test)))]
compile_error!("build it with -C panic=abort: a panic must not leave a function that C calls");

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{align_of, size_of, ManuallyDrop};
use core::ops::Deref;

#[path = "a6_abi.rs"]
mod abi;

pub use abi::*;

/// Of the memory that a call gives.
const ALIGNMENT: usize = 16;
const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;

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
    /// `let mut env = Env::new(&mut env);`
    ///
    /// # Safety
    /// It is the parameter that parse_conf or init was given.
    pub unsafe fn new(parameter: &'a mut *mut Handle) -> Env<'a> {
        Env { handle: *parameter, life: PhantomData }
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
        check(unsafe { (self.host().env_need_var)(self.handle, Str::new(name.as_bytes())) })
    }
    pub fn need(&mut self, bodies: u32) -> Result<()> {
        check(unsafe { (self.host().env_need)(self.handle, bodies) })
    }
    pub fn log(&self, level: Level, text: &str) {
        write_log(self.host(), self.host().env_log, self.handle, level, text);
    }
    /// # Safety
    /// It is used no longer than the conf is, or, from init, the state: keep it in there.
    pub unsafe fn cell(&mut self, name: &str) -> Result<Cell> {
        let mut cell = core::ptr::null_mut();
        check((self.host().env_cell)(self.handle, Str::new(name.as_bytes()), &mut cell))?;
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
        let mut value = Str::new(b"");
        check(unsafe { (self.host().call_var)(self.handle, Str::new(name.as_bytes()), &mut value) })?;
        Ok(unsafe { value.bytes() })
    }
    pub fn request_body(&self) -> Result<Option<&'a [u8]>> {
        let mut body = Str::new(b"");
        check(unsafe { (self.host().call_request_body)(self.handle, &mut body) })?;
        Ok(unsafe { body.bytes() })
    }
    /// `return req.delay(20);`
    pub fn delay(&self, ms: u32) -> i32 {
        unsafe { (self.host().call_delay)(self.handle, ms) }
    }
    /// What the plugin's init left in *state.
    pub fn state(&self) -> *mut c_void {
        unsafe { (self.host().call_state)(self.handle) }
    }

    /// Zeroed memory that lives as long as the call; None when the call has used up its share.
    #[allow(clippy::mut_from_ref)] // each time another piece
    pub fn alloc(&self, size: usize) -> Option<&'a mut [u8]> {
        let memory = unsafe { (self.host().call_alloc)(self.handle, size) } as *mut u8;
        if memory.is_null() {
            return None;
        }
        Some(unsafe { core::slice::from_raw_parts_mut(memory, size) })
    }
    /// Leaves a copy of the value for later plugins of this call, under a key that the
    /// plugins agree on. C sees a pointer to it.
    pub fn set<T: Copy + Send + Sync + 'static>(&self, key: &str, value: T) -> Result<()> {
        if align_of::<T>() > ALIGNMENT {
            return Err(Error(-EINVAL));
        }
        let place = self.alloc(size_of::<T>()).ok_or(Error(-ENOMEM))?.as_mut_ptr() as *mut T;
        unsafe { place.write(value) };
        let key = Str::new(key.as_bytes());
        check(unsafe { (self.host().call_set)(self.handle, key, place as *mut c_void) })
    }
    /// The same for a text, which is copied too. C sees an a6_str *.
    pub fn set_text(&self, key: &str, text: &[u8]) -> Result<()> {
        let copy = self.alloc(text.len()).ok_or(Error(-ENOMEM))?;
        copy.copy_from_slice(text);
        self.set(key, Str::new(copy))
    }
    /// What an earlier plugin left under the key.
    ///
    /// # Safety
    /// Whoever left it means a T, and nobody changes it any more.
    pub unsafe fn get<T: Sync>(&self, key: &str) -> Option<&'a T> {
        ((self.host().call_get)(self.handle, Str::new(key.as_bytes())) as *const T).as_ref()
    }
    /// # Safety
    /// As for get: it was left by set_text, or is an a6_str that C left.
    pub unsafe fn get_text(&self, key: &str) -> Option<&'a [u8]> {
        self.get::<Str>(key)?.bytes()
    }

    fn change(&self, function: Change, name: &str, value: &[u8]) -> Result<()> {
        check(unsafe { function(self.handle, Str::new(name.as_bytes()), Str::new(value)) })
    }
    fn give(&self, function: Give, data: &[u8]) -> Result<()> {
        check(unsafe { function(self.handle, Str::new(data)) })
    }
    fn at(&self, function: At, index: usize) -> Option<Named<'a>> {
        let mut pair = Pair { name: Str::new(b""), value: Str::new(b"") };
        if unsafe { function(self.handle, index, &mut pair) } < 0 {
            return None;
        }
        Some(unsafe { (pair.name.bytes().unwrap_or(b""), pair.value.bytes()) })
    }
    fn find(&self, find: Find, at: At, name: &str) -> Option<&'a [u8]> {
        let mut index = 0;
        if unsafe { find(self.handle, Str::new(name.as_bytes()), &mut index) } < 0 {
            return None;
        }
        self.at(at, index)?.1
    }
}

/// The right to finish a suspended call, which is a Request or a Response. When it is
/// dropped instead, the call fails.
pub struct Pending<Phase> {
    right: *mut Handle,
    call: *mut Handle,
    phase: PhantomData<Phase>,
}

// The call goes with it: suspend took it from the filter.
unsafe impl<Phase> Send for Pending<Phase> {}

impl<Phase> Pending<Phase> {
    /// Goes on with OK, or ends with ERROR. An error means that it was too late.
    pub fn resume(self, result: i32) -> Result<()> {
        check(unsafe { ManuallyDrop::new(self).finish(result) })
    }
    /// # Safety
    /// Nothing is done with it afterwards, not even drop.
    unsafe fn finish(&mut self, result: i32) -> i32 {
        ((*(*self.right).host).pending_resume)(self.right, result)
    }
}

impl<Phase> Drop for Pending<Phase> {
    fn drop(&mut self) {
        unsafe { self.finish(ERROR) };
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
            /// `let mut req = Request::new(&mut req);`
            ///
            /// # Safety
            /// It is the parameter that the filter was given.
            pub unsafe fn new(parameter: &'a mut *mut Handle) -> $name<'a> {
                $name(Call { handle: *parameter, life: PhantomData })
            }
            /// Hands the call over: the filter then returns PENDING, and whoever gets the
            /// Pending finishes the call, in any thread. Err: it cannot wait, for want of
            /// memory or because it does so already.
            pub fn suspend(self) -> core::result::Result<Pending<$name<'static>>, $name<'a>> {
                let right = unsafe { (self.host().call_suspend)(self.0.handle) };
                if right.is_null() {
                    return Err(self);
                }
                Ok(Pending { right, call: self.0.handle, phase: PhantomData })
            }
        }

        impl Pending<$name<'static>> {
            /// The call, to be used as the filter used it.
            pub fn call(&mut self) -> $name<'_> {
                $name(Call { handle: self.call, life: PhantomData })
            }
        }
    };
}

phase!(Request);

impl<'a> Request<'a> {
    /// 4 or 16 bytes.
    pub fn source(&self) -> Option<&'a [u8]> {
        unsafe { (self.host().request_source)(self.0.handle).bytes() }
    }
    pub fn source_text(&self) -> &'a [u8] {
        unsafe { (self.host().request_source_text)(self.0.handle).bytes() }.unwrap_or(b"")
    }
    /// By <a6/plugin.h>: 0 GET, 1 HEAD, 2 POST and so on.
    pub fn method(&self) -> u32 {
        unsafe { (self.host().request_method)(self.0.handle) }
    }
    pub fn path(&self) -> &'a [u8] {
        unsafe { (self.host().request_path)(self.0.handle).bytes() }.unwrap_or(b"")
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
        let mut body = Str::new(b"");
        check(unsafe { (self.host().response_body)(self.0.handle, &mut body) })?;
        Ok(unsafe { body.bytes() }.unwrap_or(b""))
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
