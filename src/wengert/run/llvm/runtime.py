"""What runs compiled kernels: one after another, over blocks of rows, and over threads.

Everything that a program calls has one signature, that of a kernel,

    void call(i8** table, i64* description, i64 from, i64 to)

so that these compose.  ``wengert_parallel`` cuts its range into tasks for the pool of threads and calls something
else for each; ``wengert_rows`` cuts its range into blocks that fit into a cache and calls several kernels for each.
Both may give their callees a changed copy of the table of addresses: a place of its own for each task's part of a sum
and for each thread's scratch memory.  Where the tasks call BLAS, it is told to take one thread while they run: only the
one owner of the pool does so, and puts back what it found.

The pool's protocol.  One word holds the number of the job and how many of its tasks nobody has taken yet.  The owner
writes the job down next to it, in the same cache line, then stores the word, and takes tasks itself; a thread that sees
tasks left reads the job and takes one of them, by putting back the word with one task less if it still is what it was.
Where that succeeds, the job is the one that was read: the owner writes the next one only when all tasks are done, which
another word counts.  A thread that finds nothing spins for a moment, then sleeps; the owner wakes sleepers but never
waits for them: those that come late find that all tasks are taken.
"""

from __future__ import annotations

import ctypes
import functools
import os
from string import Template
from threading import Lock
from typing import Any, Final

import numpy as np

from .. import llvm
from .library import library as native

RUN: Final = "wengert_run"
PARALLEL: Final = "wengert_parallel"
ROWS: Final = "wengert_rows"
WORKER: Final = "wengert_worker"
INITIALISE: Final = "wengert_pool_initialise"
STOP: Final = "wengert_pool_stop"
_EXPORTS: Final = [RUN, PARALLEL, ROWS, WORKER, INITIALISE, STOP]

DATA: Final = 16
"""Where an array object keeps the address of its data: behind the reference count and the type (NumPy's ABI)."""

# The pool's state, in words of 8 bytes; what different threads write lies in different cache lines.
_STATE: Final = {
    "NEXT": 0,  # 2^24 times the number of the job, and the tasks that are left
    "JOB": 1,  # table, description
    "STOP": 3,
    "UNDONE": 32,  # tasks of the job that are not done yet
    "SLEEPERS": 64,
    "OWNER": 96,  # 1 while somebody has a job in here
    "MUTEX": 112,
    "COND": 128,
    "WORKERS": 144,
}
STATE_WORDS: Final = 160
WORKERS: Final = _STATE["WORKERS"]
_JOBS: Final = 1 << 24
"""How far apart the numbers of jobs are: more than any job has tasks."""
_SPIN: Final = 1500
"""Looks at the pool before a thread goes to sleep: some 50 microseconds, as long as waking it up would take."""

_IR: Final = Template(r"""
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
$PAUSE_DECLARATION

; -- one after another -----------------------------------------------------------------------------------------------

; The table holds base addresses, then as many addresses of array objects (0 for none), from which it fetches where
; the data is before it starts.
define void @wengert_run(i64 %count, ptr %functions, ptr %descriptions, ptr %table, i64 %bases) {
entry:
  %has.bases = icmp sgt i64 %bases, 0
  br i1 %has.bases, label %fetch, label %start
fetch:
  %i = phi i64 [ 0, %entry ], [ %i.next, %fetched ]
  %k = add i64 %i, %bases
  %item.at = getelementptr i64, ptr %table, i64 %k
  %item = load i64, ptr %item.at
  %present = icmp ne i64 %item, 0
  br i1 %present, label %take, label %fetched
take:
  %field = add i64 %item, $DATA
  %field.at = inttoptr i64 %field to ptr
  %data = load i64, ptr %field.at
  %base.at = getelementptr i64, ptr %table, i64 %i
  store i64 %data, ptr %base.at
  br label %fetched
fetched:
  %i.next = add i64 %i, 1
  %more.bases = icmp slt i64 %i.next, %bases
  br i1 %more.bases, label %fetch, label %start
start:
  %has.calls = icmp sgt i64 %count, 0
  br i1 %has.calls, label %call, label %done
call:
  %c = phi i64 [ 0, %start ], [ %c.next, %call ]
  %function.at = getelementptr ptr, ptr %functions, i64 %c
  %function = load ptr, ptr %function.at
  %description.at = getelementptr ptr, ptr %descriptions, i64 %c
  %description = load ptr, ptr %description.at
  %to = load i64, ptr %description
  call void %function(ptr %table, ptr %description, i64 0, i64 %to)
  %c.next = add i64 %c, 1
  %more.calls = icmp slt i64 %c.next, %count
  br i1 %more.calls, label %call, label %done
done:
  ret void
}

; -- over blocks of rows -----------------------------------------------------------------------------------------------

; Description: rows, rows of a block, length of the table, number of scratch buffers, number of callees; for each
; scratch buffer its base and the bytes of a row; for each callee its address, its description, and how many steps of
; its outermost loop a row is.  A scratch buffer holds one block only: its base is moved back by what lies before.
define void @wengert_rows(ptr %table, ptr %d, i64 %from, i64 %to) {
entry:
  %block.at = getelementptr i64, ptr %d, i64 1
  %block = load i64, ptr %block.at
  %length.at = getelementptr i64, ptr %d, i64 2
  %length = load i64, ptr %length.at
  %scratches.at = getelementptr i64, ptr %d, i64 3
  %scratches = load i64, ptr %scratches.at
  %callees.at = getelementptr i64, ptr %d, i64 4
  %callees = load i64, ptr %callees.at
  %scratch.0 = getelementptr i64, ptr %d, i64 5
  %pairs = shl i64 %scratches, 1
  %callee.0 = getelementptr i64, ptr %scratch.0, i64 %pairs
  %copy = alloca i64, i64 %length, align 16
  %bytes = shl i64 %length, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %table, i64 %bytes, i1 false)
  %any = icmp slt i64 %from, %to
  br i1 %any, label %blocks, label %done
blocks:
  %first = phi i64 [ %from, %entry ], [ %end, %next.block ]
  %beyond = add i64 %first, %block
  %short = icmp slt i64 %to, %beyond
  %end = select i1 %short, i64 %to, i64 %beyond
  %has.scratch = icmp sgt i64 %scratches, 0
  br i1 %has.scratch, label %scratch, label %calls
scratch:
  %s = phi i64 [ 0, %blocks ], [ %s.next, %scratch ]
  %s.2 = shl i64 %s, 1
  %pair = getelementptr i64, ptr %scratch.0, i64 %s.2
  %base = load i64, ptr %pair
  %row.at = getelementptr i64, ptr %pair, i64 1
  %row = load i64, ptr %row.at
  %own.at = getelementptr i64, ptr %table, i64 %base
  %own = load i64, ptr %own.at
  %before = mul i64 %first, %row
  %moved = sub i64 %own, %before
  %moved.at = getelementptr i64, ptr %copy, i64 %base
  store i64 %moved, ptr %moved.at
  %s.next = add i64 %s, 1
  %more.scratch = icmp slt i64 %s.next, %scratches
  br i1 %more.scratch, label %scratch, label %calls
calls:
  br label %call
call:
  %c = phi i64 [ 0, %calls ], [ %c.next, %call ]
  %c.3 = mul i64 %c, 3
  %callee.at = getelementptr i64, ptr %callee.0, i64 %c.3
  %callee = load ptr, ptr %callee.at
  %description.at = getelementptr i64, ptr %callee.at, i64 1
  %description = load ptr, ptr %description.at
  %steps.at = getelementptr i64, ptr %callee.at, i64 2
  %steps = load i64, ptr %steps.at
  %callee.from = mul i64 %first, %steps
  %callee.to = mul i64 %end, %steps
  call void %callee(ptr %copy, ptr %description, i64 %callee.from, i64 %callee.to)
  %c.next = add i64 %c, 1
  %more.calls = icmp slt i64 %c.next, %callees
  br i1 %more.calls, label %call, label %next.block
next.block:
  %more.blocks = icmp slt i64 %end, %to
  br i1 %more.blocks, label %blocks, label %done
done:
  ret void
}

; -- over threads ------------------------------------------------------------------------------------------------------

; Description: range, number of tasks, length of a task, callee, its description, the pool's state, the functions
; that tell and set how many threads BLAS takes (0 where it is not called), length of the table, number of bases to
; change; for each its number, and how many bytes further it is for each task and for each thread.
define internal void @task(ptr %table, ptr %d, i64 %t, i64 %thread) {
entry:
  %range = load i64, ptr %d
  %part.at = getelementptr i64, ptr %d, i64 2
  %part = load i64, ptr %part.at
  %from = mul i64 %t, %part
  %beyond = add i64 %from, %part
  %short = icmp slt i64 %range, %beyond
  %to = select i1 %short, i64 %range, i64 %beyond
  %callee.at = getelementptr i64, ptr %d, i64 3
  %callee = load ptr, ptr %callee.at
  %description.at = getelementptr i64, ptr %d, i64 4
  %description = load ptr, ptr %description.at
  %length.at = getelementptr i64, ptr %d, i64 8
  %length = load i64, ptr %length.at
  %changes.at = getelementptr i64, ptr %d, i64 9
  %changes = load i64, ptr %changes.at
  %change.0 = getelementptr i64, ptr %d, i64 10
  %has.work = icmp slt i64 %from, %to
  br i1 %has.work, label %work, label %done
work:
  %has.changes = icmp sgt i64 %changes, 0
  br i1 %has.changes, label %copied, label %plain
plain:
  call void %callee(ptr %table, ptr %description, i64 %from, i64 %to)
  ret void
copied:
  %copy = alloca i64, i64 %length, align 16
  %bytes = shl i64 %length, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %table, i64 %bytes, i1 false)
  br label %change
change:
  %c = phi i64 [ 0, %copied ], [ %c.next, %change ]
  %c.3 = mul i64 %c, 3
  %base.at = getelementptr i64, ptr %change.0, i64 %c.3
  %base = load i64, ptr %base.at
  %by.task.at = getelementptr i64, ptr %base.at, i64 1
  %by.task = load i64, ptr %by.task.at
  %by.thread.at = getelementptr i64, ptr %base.at, i64 2
  %by.thread = load i64, ptr %by.thread.at
  %task.offset = mul i64 %by.task, %t
  %thread.offset = mul i64 %by.thread, %thread
  %own.at = getelementptr i64, ptr %copy, i64 %base
  %own = load i64, ptr %own.at
  %own.1 = add i64 %own, %task.offset
  %own.2 = add i64 %own.1, %thread.offset
  store i64 %own.2, ptr %own.at
  %c.next = add i64 %c, 1
  %more = icmp slt i64 %c.next, %changes
  br i1 %more, label %change, label %call
call:
  call void %callee(ptr %copy, ptr %description, i64 %from, i64 %to)
  br label %done
done:
  ret void
}

; Takes tasks until none is left, and reports how many it did.
define internal void @take_tasks(ptr %state, i64 %thread, i64 %before) {
entry:
  %next.at = getelementptr i64, ptr %state, i64 $NEXT
  %table.at = getelementptr i64, ptr %state, i64 $JOB
  %d.at = getelementptr i64, ptr %table.at, i64 1
  %undone.at = getelementptr i64, ptr %state, i64 $UNDONE
  br label %look
look:
  %did = phi i64 [ %before, %entry ], [ %did, %take ], [ %did.next, %work ]
  %next = load atomic i64, ptr %next.at seq_cst, align 8
  %left = and i64 %next, $TASKS
  %none = icmp eq i64 %left, 0
  br i1 %none, label %report, label %take
take:
  %table = load atomic ptr, ptr %table.at monotonic, align 8
  %d = load atomic ptr, ptr %d.at monotonic, align 8
  %fewer = sub i64 %next, 1
  %pair = cmpxchg ptr %next.at, i64 %next, i64 %fewer seq_cst seq_cst
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %work, label %look
work:
  %tasks.at = getelementptr i64, ptr %d, i64 1
  %tasks = load i64, ptr %tasks.at
  %t = sub i64 %tasks, %left
  call void @task(ptr %table, ptr %d, i64 %t, i64 %thread)
  %did.next = add i64 %did, 1
  br label %look
report:
  %some = icmp sgt i64 %did, 0
  br i1 %some, label %count, label %done
count:
  %were = atomicrmw sub ptr %undone.at, i64 %did seq_cst
  br label %done
done:
  ret void
}

define void @wengert_parallel(ptr %table, ptr %d, i64 %from, i64 %to) {
entry:
  %state.at = getelementptr i64, ptr %d, i64 5
  %state = load ptr, ptr %state.at
  %tasks.at = getelementptr i64, ptr %d, i64 1
  %tasks = load i64, ptr %tasks.at
  %workers.at = getelementptr i64, ptr %state, i64 $WORKERS
  %workers = load atomic i64, ptr %workers.at seq_cst, align 8
  %owner.at = getelementptr i64, ptr %state, i64 $OWNER
  %has.workers = icmp sgt i64 %workers, 0
  br i1 %has.workers, label %acquire, label %alone
acquire:
  %owned = cmpxchg ptr %owner.at, i64 0, i64 1 seq_cst seq_cst
  %is.owner = extractvalue { i64, i1 } %owned, 1
  br i1 %is.owner, label %post, label %alone
alone:
  %t = phi i64 [ 0, %entry ], [ 0, %acquire ], [ %t.next, %alone ]
  call void @task(ptr %table, ptr %d, i64 %t, i64 0)
  %t.next = add i64 %t, 1
  %more = icmp slt i64 %t.next, %tasks
  br i1 %more, label %alone, label %end
post:
  %tell.at = getelementptr i64, ptr %d, i64 6
  %tell = load ptr, ptr %tell.at
  %set.at = getelementptr i64, ptr %d, i64 7
  %set = load ptr, ptr %set.at
  %calls.blas = icmp ne ptr %set, null
  br i1 %calls.blas, label %quieten, label %open
quieten:
  %told = call i32 %tell()
  call void %set(i32 1)
  %single = icmp eq i64 %tasks, 1
  br i1 %single, label %by.itself, label %open
by.itself:
  call void @task(ptr %table, ptr %d, i64 0, i64 0)
  call void %set(i32 %told)
  br label %leave
open:
  %blas.threads = phi i32 [ 0, %post ], [ %told, %quieten ]
  %table.at = getelementptr i64, ptr %state, i64 $JOB
  store atomic ptr %table, ptr %table.at monotonic, align 8
  %d.at = getelementptr i64, ptr %table.at, i64 1
  store atomic ptr %d, ptr %d.at monotonic, align 8
  %undone.at = getelementptr i64, ptr %state, i64 $UNDONE
  store atomic i64 %tasks, ptr %undone.at monotonic, align 8
  %next.at = getelementptr i64, ptr %state, i64 $NEXT
  %last = load atomic i64, ptr %next.at monotonic, align 8  ; no tasks left
  %number = add i64 %last, $JOBS
  %others = sub i64 %tasks, 1  ; the first one is the owner's
  %next = add i64 %number, %others
  store atomic i64 %next, ptr %next.at seq_cst, align 8
  %sleepers.at = getelementptr i64, ptr %state, i64 $SLEEPERS
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %asleep = icmp sgt i64 %sleepers, 0
  br i1 %asleep, label %wake, label %share
wake:
  %mutex = getelementptr i64, ptr %state, i64 $MUTEX
  %cond = getelementptr i64, ptr %state, i64 $COND
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  %woken = call i32 @pthread_cond_broadcast(ptr %cond)
  br label %share
share:
  call void @task(ptr %table, ptr %d, i64 0, i64 0)
  call void @take_tasks(ptr %state, i64 0, i64 1)
  br label %wait
wait:
  %looks = phi i64 [ 0, %share ], [ %looks.next, %again ]
  %undone = load atomic i64, ptr %undone.at seq_cst, align 8
  %busy = icmp sgt i64 %undone, 0
  br i1 %busy, label %patience, label %release
patience:
  $PAUSE
  %looks.next = add i64 %looks, 1
  %long = icmp sgt i64 %looks.next, $SPIN
  br i1 %long, label %yield, label %again
yield:
  %yielded = call i32 @sched_yield()
  br label %again
again:
  br label %wait
release:
  br i1 %calls.blas, label %restore, label %leave
restore:
  call void %set(i32 %blas.threads)
  br label %leave
leave:
  store atomic i64 0, ptr %owner.at seq_cst, align 8
  br label %end
end:
  ret void
}

; What a thread of the pool runs.  Its argument points to the state and its number.
define ptr @wengert_worker(ptr %argument) {
entry:
  %state = load ptr, ptr %argument
  %thread.at = getelementptr i64, ptr %argument, i64 1
  %thread = load i64, ptr %thread.at
  %next.at = getelementptr i64, ptr %state, i64 $NEXT
  %stop.at = getelementptr i64, ptr %state, i64 $STOP
  %sleepers.at = getelementptr i64, ptr %state, i64 $SLEEPERS
  %mutex = getelementptr i64, ptr %state, i64 $MUTEX
  %cond = getelementptr i64, ptr %state, i64 $COND
  br label %look
look:
  %looks = phi i64 [ 0, %entry ], [ %looks.next, %pause ], [ 0, %awake ], [ 0, %work ]
  %next = load atomic i64, ptr %next.at seq_cst, align 8
  %left = and i64 %next, $TASKS
  %some = icmp ne i64 %left, 0
  br i1 %some, label %work, label %see
work:
  call void @take_tasks(ptr %state, i64 %thread, i64 0)
  br label %look
see:
  %stopped = load atomic i64, ptr %stop.at seq_cst, align 8
  %must.stop = icmp ne i64 %stopped, 0
  br i1 %must.stop, label %stop, label %pause
pause:
  $PAUSE
  %looks.next = add i64 %looks, 1
  %tired = icmp sgt i64 %looks.next, $SPIN
  br i1 %tired, label %sleep, label %look
sleep:
  %l = call i32 @pthread_mutex_lock(ptr %mutex)
  %s = atomicrmw add ptr %sleepers.at, i64 1 seq_cst
  br label %check
check:
  %stopped.2 = load atomic i64, ptr %stop.at seq_cst, align 8
  %next.2 = load atomic i64, ptr %next.at seq_cst, align 8
  %must.stop.2 = icmp ne i64 %stopped.2, 0
  %left.2 = and i64 %next.2, $TASKS
  %some.2 = icmp ne i64 %left.2, 0
  %up = or i1 %must.stop.2, %some.2
  br i1 %up, label %awake, label %nap
nap:
  %w = call i32 @pthread_cond_wait(ptr %cond, ptr %mutex)
  br label %check
awake:
  %s.2 = atomicrmw sub ptr %sleepers.at, i64 1 seq_cst
  %u = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %look
stop:
  ret ptr null
}

define void @wengert_pool_initialise(ptr %state) {
  %mutex = getelementptr i64, ptr %state, i64 $MUTEX
  %cond = getelementptr i64, ptr %state, i64 $COND
  %m = call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  %c = call i32 @pthread_cond_init(ptr %cond, ptr null)
  ret void
}

define void @wengert_pool_stop(ptr %state) {
  %stop.at = getelementptr i64, ptr %state, i64 $STOP
  %mutex = getelementptr i64, ptr %state, i64 $MUTEX
  %cond = getelementptr i64, ptr %state, i64 $COND
  %l = call i32 @pthread_mutex_lock(ptr %mutex)
  store atomic i64 1, ptr %stop.at seq_cst, align 8
  %u = call i32 @pthread_mutex_unlock(ptr %mutex)
  %w = call i32 @pthread_cond_broadcast(ptr %cond)
  ret void
}
""")


def _text() -> str:
    """Return the IR for this platform."""
    triple = llvm.target.machine().triple
    if triple.startswith(("x86_64", "i386", "i686")):
        declaration, pause = "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    elif triple.startswith(("aarch64", "arm64")):
        declaration, pause = "declare void @llvm.aarch64.hint(i32 immarg)", "call void @llvm.aarch64.hint(i32 1)"
    else:
        declaration, pause = "", ""
    text = _IR.substitute(
        _STATE, DATA=DATA, SPIN=_SPIN, JOBS=_JOBS, TASKS=_JOBS - 1, PAUSE=pause, PAUSE_DECLARATION=declaration
    )
    if os.name != "posix":  # no pool there (see threads.py): what only the pool calls needs no body
        for line in text.splitlines():
            if line.startswith("declare i32 @"):
                text = text.replace(line, line.replace("declare", "define internal") + " { ret i32 0 }")
    return text


def library() -> Any:
    """Return the loaded functions."""
    with _once:
        return _library()


_once: Final = Lock()


@functools.cache
def _library() -> Any:
    probe = np.zeros(1)
    if ctypes.c_int64.from_address(id(probe) + DATA).value != probe.ctypes.data:
        raise RuntimeError(
            "this NumPy lays out its array objects in a way that Wengert does not know; please report it"
        )
    return native(RUN, _EXPORTS, _text)


@functools.cache
def runner() -> Any:
    """Return ``run(count, functions, descriptions, table, bases)``; ctypes releases the interpreter's lock."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(library()[RUN])
