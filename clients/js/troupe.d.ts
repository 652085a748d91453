// SPDX-License-Identifier: Apache-2.0
/* The types of troupe.js. Describe your actor once and everything else follows:
 *
 *   interface Workspace {
 *     actions: { prompt(input: { userId: string; text: string }): { stopReason: string } };
 *     events: { "chat.user": { userId: string; text: string; seq: number } };
 *   }
 *   const room = connect<Workspace>({ actor: "workspace", key: "42" });
 */

export interface ActorShape {
	actions: { [name: string]: (...args: any[]) => any };
	/** The first argument of each event. */
	events: { [name: string]: any };
}

/** A connection's parameters: any JSON. `since` and `epoch` are the room's own. */
export type Params = Record<string, unknown>;

/** Where the room stands in the actor's log. */
export interface Position {
	seq: number;
	/** Names the log that the numbers belong to. */
	epoch?: string;
}

export interface ConnectOptions {
	/** "http://host:6420". In a browser the page's own origin is the default. */
	endpoint?: string;
	/** The kind of actor. */
	actor: string;
	/** Which of them. A text is a key of one part; a part may hold no comma. */
	key?: string | string[];
	/** Sent with each connection. A function is asked anew each time, so a token may be fresh. */
	params?: Params | (() => Params | undefined | Promise<Params | undefined>);
	/** Hear every event after this number first; 0: the whole log. Left out: from now on. */
	since?: number;
	/** Keeps the position from one visit to the next. What load gives goes before `since`. */
	store?: {
		load(): Position | null | undefined | Promise<Position | null | undefined>;
		save(position: Position): void;
	};
	/**
	 * An action without arguments. Asked at each connection, for `room.info`, and after a silence, to
	 * notice a dead connection.
	 */
	infoAction?: string;
	/** The log is another one: the server's data were wiped. Forget what you heard, it is told from the beginning. */
	onReset?(before: Partial<Position>, log: Position): void;
	/** False: only an actor that exists (default: it is made when missing). */
	create?: boolean;
	namespace?: string;
	pool?: string;
	/** Goes into the address as rvt-token. */
	token?: string;
	/** A WebSocket class, where the platform has none (Node before 22: that of the package ws). */
	WebSocket?: new (url: string, protocols: string[]) => any;

	/** The first wait before a reconnect (250); it doubles, with jitter, up to maxDelayMs (15,000). */
	minDelayMs?: number;
	maxDelayMs?: number;
	/** A connection that lived so long makes the next wait short again (5,000). */
	stableMs?: number;
	/** How long opening may take (45,000). */
	openMs?: number;
	/** Silence after which infoAction is asked (45,000), and the time to answer (10,000). */
	quietMs?: number;
	answerMs?: number;
	/** Calls that may wait for a connection (1,024). */
	waitingMax?: number;
	/** For tests. */
	clock?: {
		now(): number;
		random(): number;
		setTimeout(fn: () => void, ms: number): any;
		clearTimeout(id: any): void;
	};
}

/** refused and closed are final. */
export type Status = "connecting" | "connected" | "reconnecting" | "refused" | "closed";

export interface StatusDetail {
	/** Why, with reconnecting and refused. */
	error?: Error;
	/** With reconnecting: when the next attempt is made, and how many failed in a row. */
	retryInMs?: number;
	attempt?: number;
}

type Off = () => void;
type Call<F> = F extends (...args: infer P) => infer R
	? (...args: [...P] | [...P, AbortSignal]) => Promise<Awaited<R>>
	: never;

export interface Room<A extends ActorShape = ActorShape> {
	readonly status: Status;
	/** The point reached in the log; undefined while nothing is known. */
	readonly seq: number | undefined;
	readonly epoch: string | undefined;
	/** The last answer of infoAction. */
	readonly info: any;
	/** room.actions.prompt(x) is room.call("prompt", x). */
	readonly actions: { [N in keyof A["actions"]]: Call<A["actions"][N]> };

	/**
	 * Hears an event; returns what stops it. Published events come once each and in the order of
	 * their `seq`. Add listeners right after connect(): one that comes later hears from then on.
	 */
	on<N extends keyof A["events"] & string>(
		name: N,
		fn: (data: A["events"][N], ...more: any[]) => void,
	): Off;

	/**
	 * Calls an action. Waits while there is no connection. Rejects with what the actor answered, or
	 * with the code "connection_lost" when the connection went after sending: it may have run or not.
	 * A trailing AbortSignal ends the wait, not the action.
	 */
	call<N extends keyof A["actions"] & string>(
		name: N,
		...args: Parameters<Call<A["actions"][N]>>
	): ReturnType<Call<A["actions"][N]>>;

	onStatus(fn: (status: Status, detail: StatusDetail) => void): Off;
	/** What no call can be told, while the connection goes on. */
	onError(fn: (error: TroupeError) => void): Off;
	/** Tries at once instead of after the wait. */
	reconnect(): void;
	/** Leaves for good. */
	close(): void;
}

/** Opens a room. Throws only for options that can never work. */
export function connect<A extends ActorShape = ActorShape>(options: ConnectOptions): Room<A>;

/**
 * A failure, in the server's words; or the room's own, in the group "client": connection_lost,
 * closed, too_many_waiting, timeout, disconnected, malformed.
 */
export class TroupeError extends Error {
	constructor(
		group: string,
		code: string,
		message?: string,
		more?: { metadata?: unknown; cause?: unknown },
	);
	readonly group: string;
	readonly code: string;
	readonly metadata: unknown;
}

/** JSON text with the forms that JSON lacks, ["$BigInt","1"] and ["$Uint8Array","…"], and back. */
export function pack(value: unknown): string;
export function unpack(text: string): unknown;
