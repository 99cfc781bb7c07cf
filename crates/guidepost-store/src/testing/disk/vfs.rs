//! The VFS itself: the one place of the project that speaks to SQLite in its own language.

#![expect(unsafe_code, reason = "a VFS is a table of C functions over raw pointers")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;

use rusqlite::ffi;

use super::{Call, Failure, Shared, Undo, path_of};

/// An open file as SQLite sees it. The platform's own file follows it in memory.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    state: *mut Opened,
}

/// What is known of an open file.
struct Opened {
    disk: &'static Shared,
    path: PathBuf,
}

/// Registers the VFS of a disk; whether SQLite took it.
pub(super) fn register(disk: &'static Shared) -> bool {
    // SAFETY: the platform's VFS is static, and ours is leaked, as SQLite requires of what is registered.
    unsafe {
        let platform = ffi::sqlite3_vfs_find(ptr::null());
        let Some(platform) = platform.as_ref() else { return false };
        let mut own = *platform;
        own.szOsFile += c_int::try_from(size_of::<File>()).unwrap_or(c_int::MAX);
        own.pNext = ptr::null_mut();
        own.zName = disk.name.as_ptr();
        own.pAppData = ptr::from_ref(disk).cast_mut().cast();
        own.xOpen = Some(open);
        ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 0) == ffi::SQLITE_OK
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room for `szOsFile` bytes, and our VFS, whose data is the disk.
    unsafe {
        let platform = ffi::sqlite3_vfs_find(ptr::null());
        let Some(real_open) = (*platform).xOpen else { return ffi::SQLITE_CANTOPEN };
        (*file).pMethods = ptr::null();
        let result = real_open(platform, name, real(file), flags, out);
        if result == ffi::SQLITE_OK {
            let disk = &*(*vfs).pAppData.cast::<Shared>();
            let path = if name.is_null() { PathBuf::new() } else { path_of(CStr::from_ptr(name)) };
            (*file.cast::<File>()).state = Box::into_raw(Box::new(Opened { disk, path }));
            (*file).pMethods = &raw const METHODS;
        }
        result
    }
}

/// The platform's own file behind ours.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `szOsFile` has room for both, ours first.
    unsafe { file.cast::<File>().add(1).cast() }
}

unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a Opened {
    // SAFETY: set when the file was opened, and freed only when it is closed.
    unsafe { &*(*file.cast::<File>()).state }
}

/// Calls a method of the platform's own file.
macro_rules! forward {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {{
        let real = real($file);
        match (*(*real).pMethods).$method {
            Some(method) => method(real $(, $argument)*),
            None => ffi::SQLITE_IOERR,
        }
    }};
}

/// Declares methods that only forward.
macro_rules! forwarding {
    ($($name:ident = $method:ident ( $($argument:ident : $type:ty),* );)*) => {
        $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite calls it with a file we opened; the arguments are passed on untouched.
            unsafe { forward!(file.$method($($argument),*)) }
        })*
    };
}

forwarding! {
    file_size = xFileSize(size: *mut ffi::sqlite3_int64);
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(out: *mut c_int);
    file_control = xFileControl(op: c_int, argument: *mut c_void);
    sector_size = xSectorSize();
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, n: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2 has shared memory, which WAL needs, and no memory mapping, which would go past us.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Promises nothing, so that SQLite relies on nothing but syncs.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    0
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as for every method.
    unsafe {
        let real = real(file);
        if let Some(barrier) = (*(*real).pMethods).xShmBarrier {
            barrier(real);
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite uses a file no more once it closes it.
    unsafe {
        drop(Box::from_raw((*file.cast::<File>()).state));
        forward!(file.xClose())
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as for every method.
    unsafe {
        match opened(file).disk.fails(Call::Read) {
            Some(_) => ffi::SQLITE_IOERR_READ,
            None => forward!(file.xRead(buffer, amount, offset)),
        }
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as for every method.
    unsafe {
        match opened(file).disk.fails(Call::Write) {
            Some(Failure::Io) => ffi::SQLITE_IOERR_WRITE,
            Some(Failure::Full) => ffi::SQLITE_FULL,
            None => {
                note_old_bytes(file, amount, offset);
                forward!(file.xWrite(buffer, amount, offset))
            }
        }
    }
}

/// Notes what a write is about to replace.
unsafe fn note_old_bytes(file: *mut ffi::sqlite3_file, amount: c_int, offset: ffi::sqlite3_int64) {
    // SAFETY: the buffer is as long as the read says.
    unsafe {
        let Opened { disk, path } = opened(file);
        let mut length = 0;
        forward!(file.xFileSize(&raw mut length));
        let end = offset + ffi::sqlite3_int64::from(amount);
        let kept = end.min(length) - offset;
        if let Ok(kept) = usize::try_from(kept)
            && kept > 0
        {
            let mut old = vec![0_u8; kept];
            let amount = c_int::try_from(kept).unwrap_or(0);
            forward!(file.xRead(old.as_mut_ptr().cast(), amount, offset));
            disk.note(path, Undo::Write(u64::try_from(offset).unwrap_or(0), old));
        }
        if end > length {
            disk.note(path, Undo::Resize(u64::try_from(length).unwrap_or(0)));
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: as for every method.
    unsafe {
        if opened(file).disk.fails(Call::Truncate).is_some() {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        let mut length = 0;
        forward!(file.xFileSize(&raw mut length));
        let cut = c_int::try_from(length - size).unwrap_or(0);
        if cut > 0 {
            // Undone newest first: the file is made long again, and then gets its bytes back.
            note_old_bytes(file, cut, size);
            let Opened { disk, path } = opened(file);
            disk.note(path, Undo::Resize(u64::try_from(length).unwrap_or(0)));
        }
        forward!(file.xTruncate(size))
    }
}

/// What a sync makes durable is on our books. The device is spared: a test asks the books, and would wait for it for long.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: as for every method.
    unsafe {
        let Opened { disk, path } = opened(file);
        if disk.fails(Call::Sync).is_some() {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        disk.synced(path);
        ffi::SQLITE_OK
    }
}
