"""All errors of the package, and the translation of errors of the system and of drivers.

    StoreError                      each has .op, .where and .hint
      InvalidIdError                (ValueError)    not valid as an id
        IdCollisionError                            two ids would share one file
      CodecError                    (ValueError)    .model .path, e.g. messages[3].content[0].type
        EncodeError                                 a value that breaks a rule of its model
        DecodeError                                 a text that is not the expected JSON
      InvalidSnapshotError          (ValueError)    parts that do not belong together
      StaleGenerationError                          the session was saved since it was read
      ConflictError                                 a transaction's reads changed; .session_ids,
                                                    .stream_names
      TransactionTooLargeError      (ValueError)    too many calls, or too large values
      TransactionStateError         (RuntimeError)  used outside of its block
      StaleItemError                                a stream or byte artifact differs; .current
      RunClaimedError                               another live session has the run; .run_id
      SessionNotFoundError          (LookupError)   fork and rewind need one; load returns None
        GenerationGoneError                         it was pruned; .generation
      InvalidArgumentError          (ValueError, TypeError)  .argument has a value that is refused
        InvalidCursorError                          a page's cursor that is damaged, or another's
      NotOpenedError                (AttributeError, TypeError)  `open` was not awaited, or called
      NoEventLoopError              (RuntimeError)  no asyncio event loop is running here
      EventLoopRunningError         (RuntimeError)  a blocking call would block a running event loop
      UnknownFieldError             (TypeError)     evolve: a model has no such field; .fields
      StoreClosedError              (RuntimeError)
        StoreForkedError                            opened before fork(), used after it; or the
                                                    fork came while SQLite was at work
      StoreBusyError                (TimeoutError)  locked past the timeout; nothing written
      StoreFullError                (OSError)       no space left; nothing written
      StoreReadOnlyError                            it was opened for reading only
      UnsupportedError                              not supported by this store; .capability
      SearchUnavailableError                        this Python's SQLite has no full-text search
      StoreUnavailableError         (OSError)       cannot open, read-only, I/O failure
        NotAStoreError                              the file is something else
        StoreReplacedError                          its files were changed while open; .rescued
      FileStateError                                the files at its path do not match; .reason
        WalForeignError                             the WAL is another file's, or of another moment
        WalMissingError                             it was open, and its WAL is missing
        JournalFoundError                           a journal that SQLite would play back
        FileIncompleteError                         a database without tables
      SchemaError
        SchemaTooNewError                           written by a newer release
        MigrationError
      SharedMessagesError                           other sessions share messages; nothing erased
      ErasureIncompleteError                        deleted, but pieces may be left; erase again
      CorruptionError                               damage; never repaired or skipped in silence
      SessionError                                  a live session cannot do it, or failed
        SessionClosedError          (RuntimeError)  it was closed
        SessionBusyError            (RuntimeError)  another operation is running; .session_id
        SessionPausedError          (RuntimeError)  resume it first
        SessionConfigError          (ValueError)    the option .field is refused, or is missing
        PersistenceError                            a save or load failed; see its cause
          SessionNotSavedError                      it was closed and not saved; .closed
        StaleSessionError   (StaleGenerationError)  it was changed elsewhere; .reason .forked_as
          SessionDeletedError                       it was deleted elsewhere; .recreated
        InterruptedRunError                         runs must be resumed or abandoned; .run_ids
        GuardMissingError                           it requires a security guard and has none
        HookDeniedError                             a hook refused a prompt, or a run; .reason
        InvalidTransitionError      (ValueError)    a review finding may not change like this
        CompactionError                             no summary was made; messages are unchanged
        RunCancelledError                           the host cancelled the run
        QueueClosedError            (RuntimeError)  its queue takes no more commands
        CommandTimeoutError         (TimeoutError)  a command of its queue took too long
        ExternalTaskError                           a handler outside reported failure
      UnsavedSessionsError          (ExceptionGroup)  of SessionNotSavedError, one each; .closed
    FileSystemWarning               (UserWarning)   it may be damaged by another machine's use

Invariants: 1. an error's text has the operation, the session and file, and the next step, and never
message text; 2. when a method raises, it wrote nothing, unless its docstring says otherwise;
3. errors survive pickling.
"""

from __future__ import annotations

from a3s_store.errors.context import (
    SYSTEM,
    Driver,
    during,
    explain,
    repeats_no_text,
)
from a3s_store.errors.files import (
    FileIncompleteError,
    FileStateError,
    FileSystemWarning,
    JournalFoundError,
    StoreReplacedError,
    WalForeignError,
    WalMissingError,
)
from a3s_store.errors.sessions import (
    CommandTimeoutError,
    CompactionError,
    ExternalTaskError,
    GuardMissingError,
    HookDeniedError,
    InterruptedRunError,
    InvalidTransitionError,
    PersistenceError,
    QueueClosedError,
    RunCancelledError,
    SessionBusyError,
    SessionClosedError,
    SessionConfigError,
    SessionDeletedError,
    SessionError,
    SessionNotSavedError,
    SessionPausedError,
    StaleSessionError,
    UnsavedSessionsError,
)
from a3s_store.errors.stores import (
    CodecError,
    ConflictError,
    CorruptionError,
    DecodeError,
    EncodeError,
    ErasureIncompleteError,
    GenerationGoneError,
    IdCollisionError,
    InvalidIdError,
    InvalidSnapshotError,
    MigrationError,
    NotAStoreError,
    RunClaimedError,
    SchemaError,
    SchemaTooNewError,
    SearchUnavailableError,
    SessionNotFoundError,
    SharedMessagesError,
    StaleGenerationError,
    StaleItemError,
    StoreBusyError,
    StoreClosedError,
    StoreError,
    StoreForkedError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
    TransactionStateError,
    TransactionTooLargeError,
    UnsupportedError,
)

# Errors that an older release pickled name it here.
from a3s_store.errors.stores import _rebuild as _rebuild
from a3s_store.errors.usage import (
    EventLoopRunningError,
    InvalidArgumentError,
    InvalidCursorError,
    NoEventLoopError,
    NotOpenedError,
    UnknownFieldError,
)

__all__ = [
    "SYSTEM",
    "CodecError",
    "CommandTimeoutError",
    "CompactionError",
    "ConflictError",
    "CorruptionError",
    "DecodeError",
    "Driver",
    "EncodeError",
    "ErasureIncompleteError",
    "EventLoopRunningError",
    "ExternalTaskError",
    "FileIncompleteError",
    "FileStateError",
    "FileSystemWarning",
    "GenerationGoneError",
    "GuardMissingError",
    "HookDeniedError",
    "IdCollisionError",
    "InterruptedRunError",
    "InvalidArgumentError",
    "InvalidCursorError",
    "InvalidIdError",
    "InvalidSnapshotError",
    "InvalidTransitionError",
    "JournalFoundError",
    "MigrationError",
    "NoEventLoopError",
    "NotAStoreError",
    "NotOpenedError",
    "PersistenceError",
    "QueueClosedError",
    "RunCancelledError",
    "RunClaimedError",
    "SchemaError",
    "SchemaTooNewError",
    "SearchUnavailableError",
    "SessionBusyError",
    "SessionClosedError",
    "SessionConfigError",
    "SessionDeletedError",
    "SessionError",
    "SessionNotFoundError",
    "SessionNotSavedError",
    "SessionPausedError",
    "SharedMessagesError",
    "StaleGenerationError",
    "StaleItemError",
    "StaleSessionError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreError",
    "StoreForkedError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreReplacedError",
    "StoreUnavailableError",
    "TransactionStateError",
    "TransactionTooLargeError",
    "UnknownFieldError",
    "UnsavedSessionsError",
    "UnsupportedError",
    "WalForeignError",
    "WalMissingError",
    "during",
    "explain",
    "repeats_no_text",
]
