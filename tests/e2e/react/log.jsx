// SPDX-License-Identifier: Apache-2.0
/* A page that misses nothing: it hears a counter's `appended` from the first on, whatever happens to the server. The hook has
 * no getParams. But the client reads `params` each time it connects, so an object that is changed in place does the same;
 * then params must not be part of what tells actors apart, which is what hashFunction is for. */

import { useState } from "react";
import { createRivetKit } from "@rivetkit/react";

const resume = { since: 0 };
const { useActor } = createRivetKit(
	{ endpoint: new URLSearchParams(location.search).get("troupe"), encoding: "json" },
	{ hashFunction: ({ name, key }) => JSON.stringify([name, key]) },
);
const LOG = { name: "counter", key: ["log"], params: resume };

function Listener({ onEvent }) {
	useActor(LOG).useEvent("appended", onEvent);
	return null;
}

export default function Log() {
	const [events, setEvents] = useState([]);
	const [answers, setAnswers] = useState([]);
	const [listening, setListening] = useState(true);
	const log = useActor(LOG);

	const hear = (event) => {
		resume.since = event.seq;
		setEvents((prev) => [...prev, event]);
	};
	const append = async () => {
		const answer = await log.connection.append({ by: "page" }).catch((error) => error.message);

		setAnswers((prev) => [...prev, answer]);
	};

	return (
		<div>
			<p id="status">{log.connStatus}</p>
			<label><input type="checkbox" checked={listening} onChange={() => setListening(!listening)} /> Listen</label>
			<button onClick={append}>Append</button>
			<ol id="answers">{answers.map((answer, i) => <li key={i}>{answer}</li>)}</ol>
			<ol id="events">{events.map(({ seq }, i) => <li key={i}>{seq}</li>)}</ol>
			{listening && <Listener onEvent={hear} />}
		</div>
	);
}
