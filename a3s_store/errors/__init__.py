"""Every error a caller can meet, and how errors of the system and of drivers become these.

    StoreError                      every one has .op, .where and .hint
      InvalidIdError                (ValueError)    cannot be an id here
        IdCollisionError                            two ids would share one file
      CodecError                    (ValueError)    .model .path, e.g. messages[3].content[0].type
        EncodeError                                 a value that must not be written
        DecodeError                                 a text that is not what it should be
      InvalidSnapshotError          (ValueError)    parts that do not belong together
      StaleGenerationError                          the session was saved since you looked
      RunClaimedError                               another live session has the run; .run_id
      SessionNotFoundError          (LookupError)   fork and rewind need one; load returns None
        GenerationGoneError                         it was pruned; .generation
      InvalidArgumentError          (ValueError, TypeError)  .argument: a value that cannot be
      NotOpenedError                (AttributeError, TypeError)  `open` was not awaited, or called
      NoEventLoopError              (RuntimeError)  no asyncio event loop is running here
      UnknownFieldError             (TypeError)     evolve: a model has no such field; .fields
      StoreClosedError              (RuntimeError)
        StoreForkedError                            opened before fork(), used after it; or the
                                                    fork came while SQLite was at work
      StoreBusyError                (TimeoutError)  locked past the timeout; nothing written
      StoreFullError                (OSError)       no space left; nothing written
      StoreReadOnlyError                            it was opened for reading only
      UnsupportedError                              this store has no such thing; .capability
      StoreUnavailableError         (OSError)       cannot open, read-only, I/O failure
        NotAStoreError                              the file is something else
        StoreReplacedError                          its files were changed under it; .rescued
      FileStateError                                what lies at its path does not fit; .reason
        WalForeignError                             the log is another file's, or of another moment
        WalMissingError                             it was open, and its log is not here
        JournalFoundError                           a journal that SQLite would play back
        FileIncompleteError                         a database without tables
      SchemaError
        SchemaTooNewError                           written by a newer release
        MigrationError
      SharedMessagesError                           other sessions have them too; nothing erased
      ErasureIncompleteError                        deleted, but pieces may be left; erase again
      CorruptionError                               damage; never repaired or skipped in silence
      SessionError                                  what a live session cannot do, or could not
        SessionClosedError          (RuntimeError)  it was closed
        SessionBusyError            (RuntimeError)  something else is under way in it; .session_id
        SessionPausedError          (RuntimeError)  resume it first
        SessionConfigError          (ValueError)    .field: an option that cannot be, or is missing
        PersistenceError                            a save or load of it failed; the cause says why
          SessionNotSavedError                      it was closed and not saved; .closed
        StaleSessionError   (StaleGenerationError)  it was changed elsewhere; .reason .forked_as
          SessionDeletedError                       it was deleted elsewhere; .recreated
        InterruptedRunError                         runs wait to be resumed or given up; .run_ids
        GuardMissingError                           it asks for a security guard and has none
        HookDeniedError                             a hook refused a prompt, or a run; .reason
        InvalidTransitionError      (ValueError)    a review finding cannot become this
        CompactionError                             no summary was made; the messages are as before
        RunCancelledError                           the host cancelled the run
        QueueClosedError            (RuntimeError)  its queue takes no more commands
        CommandTimeoutError         (TimeoutError)  a command of its queue took too long
        ExternalTaskError                           a handler outside reported failure
      UnsavedSessionsError          (ExceptionGroup)  of SessionNotSavedError, one each; .closed
    FileSystemWarning               (UserWarning)   it may be damaged by another machine's use

Invariants: 1. an error's text names what was tried, on which session and file, and what to do next,
and never holds message text; 2. when a method raises, nothing of it was written, except where its
docstring says otherwise; 3. errors survive pickling.
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
    SessionNotFoundError,
    SharedMessagesError,
    StaleGenerationError,
    StoreBusyError,
    StoreClosedError,
    StoreError,
    StoreForkedError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
    UnsupportedError,
)

# Errors that an older release pickled name it here.
from a3s_store.errors.stores import _rebuild as _rebuild
from a3s_store.errors.usage import (
    InvalidArgumentError,
    NoEventLoopError,
    NotOpenedError,
    UnknownFieldError,
)

__all__ = [
    "SYSTEM",
    "CodecError",
    "CommandTimeoutError",
    "CompactionError",
    "CorruptionError",
    "DecodeError",
    "Driver",
    "EncodeError",
    "ErasureIncompleteError",
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
    "StaleSessionError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreError",
    "StoreForkedError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreReplacedError",
    "StoreUnavailableError",
    "UnknownFieldError",
    "UnsavedSessionsError",
    "UnsupportedError",
    "WalForeignError",
    "WalMissingError",
    "during",
    "explain",
    "repeats_no_text",
]
