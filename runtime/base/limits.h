/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound in Troupe, and what happens when it is reached. Sizes in bytes, times in milliseconds.
 * proto knows none of ours: what it does not get handed in (the form of a number, of a date) stands there.
 * design.md 6 has the reasons; spec/rivetkit-client.md 13 what the official server does. */
#ifndef TR_BASE_LIMITS_H
#define TR_BASE_LIMITS_H

/* ---- HTTP, at the front desk */
#define TR_HTTP_HEAD_BYTES_MAX        (64 * 1024)        /* 431, closed */
#define TR_HTTP_HEADERS_MAX           128                /* 431, closed */
#define TR_HTTP_HEAD_TIME_MS          10000              /* from the first byte of a head to its last: 408, closed */
#define TR_HTTP_LAST_HEAD_MS          500                /* a server that ends waits this long for heads on their way */
#define TR_HTTP_METHOD_BYTES_MAX      32                 /* 400, closed */
#define TR_HTTP_PADDING_BYTES_MAX     8192               /* extensions and trailers of a chunked body: 400, closed */
#define TR_HTTP_SIZE_DIGITS_MAX       16                 /* of the size of a chunk: 400, closed */
#define TR_HTTP_IDLE_TIME_MS          75000              /* kept-alive without a request: closed in silence */
#define TR_HTTP_PROGRESS_BYTES        1024               /* must have moved for a deadline to begin anew: bytes
                                                            that drip do not count as life */
#define TR_HTTP_BODY_TIME_MS          30000              /* a body without progress: 408, closed */
#define TR_HTTP_ASIDE_BYTES_MAX       (64 * 1024)        /* a body that a request has without need: 413, closed */
#define TR_HTTP_RAW_BYTES_MAX         (20 * 1024 * 1024) /* a plain request's body: 413, closed */
#define TR_HTTP_RAW_OUT_BYTES_MAX     (20 * 1024 * 1024) /* and its answer: 400 message.outgoing_too_long */
#define TR_STREAM_BYTES_MAX           (1024 * 1024)      /* waiting of an answer in pieces: a piece is not taken, EBACKLOG */
#define TR_HTTP_CONTROL_BYTES_MAX     (6 * 1024 * 1024)  /* 413, closed. 4 MiB of base64 input must fit */
#define TR_HTTP_UNWANTED_BYTES_MAX    (8 * 1024 * 1024)  /* read of a body that was refused, so that its client
                                                            hears why, and behind the last answer: then closed */
#define TR_HTTP_IDS_MAX               32                 /* actors that one GET /actors asks for by id: 400 */
#define TR_HTTP_LIST_MAX              1000               /* rows of one page of GET /actors, whose limit is larger: 400 ... */
#define TR_HTTP_LIST_DEFAULT          100                /* ... and when it says none */
#define TR_HTTP_READ_BYTES            16384              /* at once from one client */
#define TR_HTTP_READ_AHEAD_MAX        TR_HTTP_HEAD_BYTES_MAX /* while an answer is due; then the socket waits */
#define TR_HTTP_CONNECTIONS_MAX       65536              /* accepting pauses until one goes */
#define TR_ACCEPTS_MAX                64                 /* in a turn of the loop; then the others' */
#define TR_ACCEPT_RETRY_MS            100                /* after there was no room */
#define TR_ACCEPT_LOOKS_MAX           64                 /* connections looked at, to find an idle one to close */
#define TR_ADDRESS_TEXT_MAX           48                 /* of a client, with its NUL */
#define TR_KEEPALIVE_S                60                 /* TCP's: who vanished without a word is noticed some time */

/* ---- WebSockets */
#define TR_WS_READ_BYTES              1024               /* at once from one client; lws keeps as much for each */
#define TR_WS_WRITE_BYTES             (64 * 1024)        /* of messages put together for one send */
#define TR_WS_SEND_BYTES              (16 * 1024 * 1024) /* that lws hands to the kernel at once */
#define TR_WS_ROUNDS_MAX              16                 /* of lws's loop in one of ours: then the others' turn */
#define TR_WS_DESCRIPTORS_MAX         (TR_HTTP_CONNECTIONS_MAX + 4096) /* lws has places for: sockets, and all else */

/* ---- messages */
#define TR_MESSAGE_IN_BYTES_MAX       (64 * 1024)        /* closed 1011 message.incoming_too_long; by HTTP 400, the same */
#define TR_MESSAGE_IN_BYTES_LIMIT     (4 * 1024 * 1024)  /* what --message-size may say at most: the server does not start */
#define TR_SOCKET_BYTES_MAX           (32 * 1024 * 1024) /* one message of a plain WebSocket: closed as above, EBIGOUT to its
                                                            actor; and what waits to be sent to one: as of TR_OUTBOX */
#define TR_MESSAGE_OUT_BYTES_MAX      (1024 * 1024)      /* message.outgoing_too_long to the caller */
#define TR_DEPTH_MAX                  66                 /* nesting of arguments, input, parameters: an error. A value of 64,
                                                            the list of arguments, a form such as ["$BigInt","1"] inside */
#define TR_KEY_PART_BYTES_MAX         128                /* 400 actor.key_too_large */
#define TR_KEY_BYTES_MAX              1024               /* 400 actor.key_too_large */
#define TR_NAME_BYTES_MAX             128                /* of actions, events, actor kinds: an error that says so */
#define TR_PARAMS_BYTES_MAX           (16 * 1024)        /* JSON text: error frame and close request.connection_params_too_large */
#define TR_INPUT_BYTES_MAX            (4 * 1024 * 1024)  /* base64 text of an actor's input: 400 */
#define TR_KEPT_VALUE_BYTES_MAX       (4 * 1024 * 1024)  /* one kept troupe_value, packed: EBIGSTATE to troupe_set_value */
#define TR_SUBSCRIPTIONS_MAX          256                /* names of one connection: closed actor.overloaded */

/* ---- connections and actors */
#define TR_OUTBOX_BYTES_MAX           (1024 * 1024)      /* of a client: closed message.backlog_full, it comes back; a larger */
#define TR_OUTBOX_FRAMES_MAX          1024               /* frame is taken when the outbox is empty */
#define TR_MAILBOX_MAX                1024               /* messages waiting, and calls unanswered, of an actor: actor.overloaded */
#define TR_STREAMS_MAX                1024               /* open answers in pieces, of an actor: EOVERLOADED to its handler */
#define TR_ACTION_TIME_MS             60000              /* an action that holds on to its call: actor.action_timed_out, unless the
                                                            action is marked .slow */
#define TR_IDLE_MS                    30000              /* without connection, call, turn or hold: the actor sleeps, unless
                                                            its kind says another idle_ms */
#define TR_WAITING_BYTES_MAX          (256 * 1024)       /* said by a client before its actor is found or awake, or one
                                                            message: closed actor.overloaded, it comes back */
#define TR_REPLAY_SETTLE_MS           40                 /* to gather a resuming client's subscriptions, or until it calls */
#define TR_REPLAY_PAGE_BYTES          (128 * 1024)       /* of log read at once for one resuming client */
#define TR_REPLAY_PAGE_EVENTS         256
#define TR_GETEVENTS_MAX              1000               /* a larger limit is an error; default 100 */
#define TR_GETEVENTS_BYTES            (768 * 1024)       /* a page ends early so that it fits TR_MESSAGE_OUT_BYTES_MAX */
#define TR_PING_MS                    30000              /* a client silent this long is pinged */
#define TR_PONG_MS                    30000              /* and dropped when it stays silent this long */
#define TR_CLOSE_MS                   5000               /* for the peer's Close frame, then the socket is dropped */
#define TR_ARENA_FIRST_BYTES          240                /* of a connection's or a call's memory: most fit */
#define TR_ARENA_NEXT_BYTES           4000               /* where they do not */
#define TR_LEDGER_KEPT_BYTES_MAX      (256 * 1024)       /* a larger one gives it back after a burst */
#define TR_EVENT_MEMBER_BYTES_MAX     4096               /* larger ones of an event that is too large go */
#define TR_REFUSAL_DELAY_MS           1000               /* of a refused connection's Close, at first; doubles for an address ... */
#define TR_REFUSAL_DELAY_MAX_MS       30000              /* ... up to this (spec/rivetkit-client.md 9.4) */
#define TR_REFUSAL_QUIET_MS           60000              /* without another after the last was told: forgotten */

/* ---- queues */
#define TR_QUEUE_MESSAGES_MAX         1000               /* waiting, of an actor, unless its kind says otherwise: queue.full */
#define TR_QUEUE_MESSAGES_LIMIT       10000              /* what a kind may say at most: else it is not registered */
#define TR_QUEUE_BYTES_MAX            (64 * 1024)        /* of a body, packed, unless its kind says so: queue.message_too_large */
#define TR_QUEUE_BYTES_LIMIT          (1024 * 1024)      /* what a kind may say at most: else it is not registered */
#define TR_QUEUE_TAKES_MAX            256                /* of an actor, waiting for messages: actor.overloaded */
#define TR_QUEUE_TAKE_MAX             100                /* messages that one take gives (more is as many), ... */
#define TR_QUEUE_TAKE_BYTES           (768 * 1024)       /* ... and none behind the one that makes it this much: fits an answer */
#define TR_QUEUE_WAIT_MAX_MS          3600000            /* for a completion, also when nothing or more was said: timedOut */
#define TR_QUEUE_RETRY_MS             1000               /* before a message whose run failed is tried again; doubles ... */
#define TR_QUEUE_RETRY_MAX_MS         60000              /* ... up to this */
#define TR_QUEUE_WORK_MAX             256                /* steps of one actor's queues in one turn of the loop; then the others' */

/* ---- work that goes on */
#define TR_RESUME_RETRY_MS            1000               /* until those at work when the server ended are
                                                            looked for again */

/* ---- schedules */
#define TR_ALARMS_MAX                 1024               /* of an actor, waiting: actor.overloaded to its author */
#define TR_ALARM_ARGS_BYTES_MAX       4096               /* packed arguments of one: request.invalid */
#define TR_ALARMS_AT_ONCE             64                 /* that are due; the others after a turn of the loop */
#define TR_ALARM_LOOK_MS              60000              /* at most from look to look: a clock that was set is noticed by then */
#define TR_ALARM_RETRY_MS             10000              /* until a due one is tried again whose actor could not be woken */

/* ---- store */
#define TR_MAP_BYTES_START            (64 * 1024 * 1024) /* LMDB map: doubles when it is full */
#define TR_MAP_BYTES_MAX              ((size_t)1 << 40)  /* then storage.full */
#define TR_ITEM_KEY_MAX         400                /* of an actor's item (core/spaces.h): the commit fails */
#define TR_OWED_KEY_MAX         360                /* of one that outlives it: its number is put in front */
#define TR_STORED_NAME_BYTES_MAX      400                /* namespace and name: 2 TR_NAME_BYTES_MAX fit */
#define TR_LMDB_KEY_MAX               511                /* LMDB's own */
#define TR_CLEAN_ENTRIES_MAX          512                /* of a destroyed actor, deleted in one turn, ... */
#define TR_CLEAN_NS                   3000000            /* ... or as many as this takes */
#define TR_CLEAN_PAUSE_MS             20                 /* until the next turn that deletes */
#define TR_WALK_ITEMS_MAX             64                 /* lent to a reader at once, ... */
#define TR_WALK_BYTES                 (256 * 1024)       /* ... or as many as this holds */
#define TR_SPARE_BYTES_MAX            (1024 * 1024)      /* a reader's larger buffer is not kept */
#define TR_DISK_PROBE_BYTES           (1024 * 1024)      /* can it not be had, the disk is full */
#define TR_COMMIT_HERE_NS             2000000            /* on the loop, of one actor alone; after
                                                            a slower one it is the committer's */

/* ---- sandbox */
#define TR_PROMPT_BYTES_MAX           (2 * 1024 * 1024 - 4096) /* encoded envelope: prompt.too_large (spec/sandbox-agent.md 5.4) */
#define TR_PROMPTS_QUEUED_MAX         256                /* of a session: actor.overloaded */
#define TR_PROMPT_ID_BYTES_MAX        128                /* request.invalid */
#define TR_AGENT_ERROR_DATA_MAX       (16 * 1024)        /* of its error to a prompt or a choice: data is in the log only */
#define TR_TOOL_CALL_BYTES_MAX        (32 * 1024)        /* what a permission is asked for: a list shows its title only */
#define TR_USER_ID_BYTES_MAX          256                /* of whoever prompts, cancels, answers: request.invalid */
#define TR_QUEUE_TEXT_BYTES           (128 * 1024)       /* of all texts that a look at the queue shows: each gets its share, cut */
#define TR_CANCEL_MS                  10000              /* for an agent to end a cancelled turn: told as agent_unresponsive */
#define TR_STALL_MS                   600000             /* of a turn without a word of the agent: told as stalled */
#define TR_STREAM_EVENT_BYTES_MAX     (64 * 1024 * 1024) /* one SSE event: logged as _troupe/oversize, content dropped */
#define TR_FLOOD_EVENTS               64                 /* of one stream, so many within TR_FLOOD_MS, and twice as many of others:
                                                            it is read again before the server's queue for us runs over ... */
#define TR_FLOOD_MS                   500                /* (two GETs of an agent at most) */
#define TR_FLOOD_OVER_MS              4000               /* ... and again after so many more, until they take longer than this */
#define TR_EVENT_CLIENT_BYTES_MAX     (960 * 1024)       /* a larger one: clients get its large members as {truncated} (F38) */
#define TR_CWD_BYTES_MAX              4096               /* of a session's working directory: request.invalid */
#define TR_CONFIG_BYTES_MAX           (256 * 1024)       /* an agent's modes, its config options: larger ones count as unknown */
#define TR_CONFIG_DEPTH_MAX           32                 /* their nesting: as well */
#define TR_CONFIG_WAITING_MAX         64                 /* settings of a session still to be made: actor.overloaded */
#define TR_REPLAY_TEXT_MAX            12000              /* characters of history given to a new agent session */
#define TR_BRIDGE_CREATE_MS           900000             /* for a provider to make a sandbox: sandbox.not_created; one that comes
                                                            later is destroyed */
#define TR_BRIDGE_MS                  60000              /* for anything else that it does: sandbox.provider_error */
#define TR_BRIDGE_STOP_MS             5000               /* for the process to end, when the server ends: it is left to itself */
#define TR_BRIDGE_LINE_MAX            (64 * 1024)        /* of what it says: it is ended, and started again */
#define TR_PROVIDER_OPTIONS_BYTES_MAX (64 * 1024)        /* JSON: the server does not start; an actor's: request.invalid */
#define TR_PROVIDERS_MAX              64                 /* of sandboxes, with options of their own: request.invalid */
#define TR_LOCAL_SANDBOXES_MAX        256                /* processes for single actors: sandbox.not_created */
#define TR_LOCAL_NAME_MAX             65                 /* of one of them, with its NUL */
#define TR_DEBTS_MAX                  1024               /* kept in memory; the rest waits in the store for their turn */
#define TR_DEBTS_RUNNING_MAX          8                  /* paid at once; the others wait */
#define TR_DEBT_PAUSE_MS              1000               /* after a failure, doubles ... */
#define TR_DEBT_PAUSE_MAX_MS          600000             /* ... up to this, for ever */
#define TR_FAMILY_BYTES_MAX           (64 * 1024)        /* of what a sandbox tells of its processes: not believed; what is below an
                                                            agent that ends is left to itself */
#define TR_ENDING_PATH_MAX            160                /* of a request that ends an agent, with its NUL */
#define TR_HTTP_REPLY_BYTES_MAX       (66 * 1024 * 1024) /* body of an answer of the sandbox: the request fails */
#define TR_HTTP_CONNECT_MS            5000               /* for a connection: nothing was sent */
#define TR_SANDBOX_READ_BYTES         (256 * 1024)       /* one read of a socket, one piece of a stream */
#define TR_GOODBYE_MS                 2000               /* for an answer to session/close: ended then */
#define TR_DELETE_MS                  1000               /* for an instance's DELETE: its agent hangs */
#define TR_SWEEP_GRACE_MS             500                /* for an agent that obeys the end of its input */
#define TR_SWEEP_TERM_MS              300                /* after a TERM: was that enough? ... */
#define TR_SWEEP_KILL_MS              1700               /* ... and once more, before KILL */
#define TR_ENDING_BYTES_MAX           (2 * 1024 * 1024)  /* of an answer at the end of an agent: not read */
#define TR_SWEEP_RUN_MS               15000              /* for one run of a script: it told nothing */
#define TR_SETTLE_MS                  5000               /* what a healthy stream did not bring is missing */
#define TR_SILENCE_MS                 45000              /* three heartbeats missed: it is read again */
#define TR_LATE_MS                    1000               /* behind a response, what may belong to it yet:
                                                            it proves nothing of the next prompt */
#define TR_LOCAL_RESTART_MS           250                /* until one that died is started again; doubles */
#define TR_LOCAL_RESTART_MAX_MS       10000              /* ... up to this */
#define TR_LOCAL_LONG_LIFE_MS         10000              /* one that lived so long begins with the first */
#define TR_LOCAL_TERM_MS              5000               /* from SIGTERM to SIGKILL */
#define TR_LOCAL_LOOK_MS              20                 /* how often an ending group is looked at */
#define TR_LOCAL_GIVE_UP_MS           2000               /* from SIGKILL to going on without it */
#define TR_LOCAL_DEAF_MS              10000              /* for its port to be open: else not adopted */
#define TR_LOCAL_LOG_BYTES_MAX        (8 * 1024 * 1024)  /* of the log of one */
#define TR_PROVIDER_NAME_MAX          65                 /* with its NUL: the server does not start */
#define TR_PROVIDER_WORDS_MAX         256                /* of why something failed: cut */
#define TR_BRIDGE_DEPTH_MAX           16                 /* of what its process says: that line is nothing */
#define TR_BRIDGE_RESTART_MS          250                /* until its process is started again; doubles */
#define TR_BRIDGE_RESTART_MAX_MS      10000              /* ... up to this */
#define TR_BRIDGE_LONG_LIFE_MS        10000              /* one that lived so long is started at once */
#define TR_PLACE_NAME_MAX             512                /* of what is shown and compared: cut */
#define TR_GOODBYE_MS                 2000               /* for session/close's answer: ended all the same */
#define TR_DELETE_MS                  1000               /* for a DELETE: longer hangs on a living agent */
#define TR_SWEEP_GRACE_MS             500                /* for an agent that obeys the end of its input */
#define TR_SWEEP_TERM_MS              300                /* from TERM to looking whether that was enough */
#define TR_SWEEP_KILL_MS              1700               /* from there to KILL */
#define TR_SSE_NAME_MAX               32                 /* of a field, a type, an id: longer is unknown */

/* ---- the process */
#define TR_LISTEN_BACKLOG_MAX         4096               /* clients that wait while there is no server */
#define TR_RESTART_YOUNG_MS           2000               /* a server that dies sooner dies young ... */
#define TR_RESTART_MS                 100                /* ... and the next one waits so long; doubles ... */
#define TR_RESTART_MAX_MS             10000              /* ... up to this */
#define TR_DRAIN_MS                   20000              /* a server that should have gone: SIGKILL */
#define TR_HTTP_LAST_HEAD_STEP_MS     10                 /* TR_HTTP_LAST_HEAD_MS goes by in steps of this */
#define TR_OPTIONS_SEVERAL_MAX        16                 /* origins, providers: the server does not start */
#define TR_OPTIONS_LIST_BYTES         4096               /* of a list in the environment: as well */
#define TR_OPTIONS_ROWS_MAX           64                 /* of the table of options, headings too: asserted */
#define TR_LOG_LINE_BYTES_MAX         4096               /* of the log: cut */

/* ---- a session with an agent (runtime/sandbox/session) */
#define TR_HEALTH_MS                  5000               /* one health request, one list: it has failed,
                                                            and is tried again */
#define TR_HEALTH_TRIES               3                  /* failed in a row: the sandbox is unreachable,
                                                            and who waits is told */
#define TR_HEALTH_WAIT_MS             500                /* before it is tried again; doubles ... */
#define TR_HEALTH_WAIT_MAX_MS         15000              /* ... up to this */
#define TR_LOST_AFTER_MS              120000             /* unreachable for so long in mid-turn: the turn
                                                            is given up */
#define TR_OPEN_MS                    10000              /* for a stream's head: then the way there is
                                                            broken */
#define TR_OPENS_MAX                  8                  /* that failed, of a new instance's stream: the
                                                            way there is broken */
#define TR_REREAD_MS                  100                /* before a broken stream is read again; doubles
                                                            ... */
#define TR_REREAD_MAX_MS              5000               /* ... up to this */
#define TR_KEPT_MS                    1000               /* a POST that the sandbox has had so long has
                                                            reached the agent */
#define TR_LINGER_MS                  1000               /* for a POST whose response was seen on the
                                                            stream: then it is closed */
#define TR_INSTALL_MS                 900000             /* for initialize: the sandbox may install the
                                                            agent first. Then it is given up */
#define TR_BOOT_STEP_MS               180000             /* for session/new, load, resume: as well */
#define TR_SAY_MS                     10000              /* for a reply or notification to be taken: the
                                                            agent reads no more */
#define TR_CRASHES_MAX                3                  /* instances that ended within ... */
#define TR_CRASHES_MS                 60000              /* ... without finishing a turn: agent.crash_loop */
#define TR_DESTROY_MS                 2000               /* for the turn of a session that is destroyed to
                                                            end by itself: it is cut off */
#define TR_SETTING_MS                 60000              /* for the agent's answer to one; then it has
                                                            failed */
#define TR_LISTING_MS                 10000              /* for the sandbox to tell what an agent offers;
                                                            then it offers nothing */
#define TR_PERMISSIONS_MAX            256                /* open at once: what else the agent asks is
                                                            refused */
#define TR_SAYS_MAX                   1024               /* waiting to be sent to the agent: it is given up */
#define TR_HELD_MAX                   1024               /* envelopes, and ... */
#define TR_HELD_BYTES_MAX             (8 * 1024 * 1024)  /* ... bytes that came before the session was
                                                            bound: it is given up */
#define TR_OPTIONS_BYTES_MAX          (64 * 1024)        /* of a permission request: it is refused */
#define TR_REQUEST_ID_MAX             64                 /* of our requests' ids, with the NUL: they are
                                                            made to fit */
/* Responses taken from their POSTs, of one kind of request, that the stream may bring yet. */
#define TR_ANSWERED_MAX               8
#define TR_SERVER_ID_MAX              129                /* of an instance's name, the same */
#define TR_PATH_MAX                   (TR_SERVER_ID_MAX + 16) /* of a request to it, with its NUL */
#define TR_INDEX_BLOCK                64                 /* seqs in one item of a session's index
                                                            (session/store.c) */

#endif
