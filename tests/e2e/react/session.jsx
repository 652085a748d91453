// SPDX-License-Identifier: Apache-2.0
/* The React component of the "Manage Sessions" document. What changed is what its actor is called here: the kind and the key,
 * `session.event` instead of `agentEvent`, and `prompt({ userId, text })` instead of `postMessage(text)`. */

import { useState } from "react";
import { createRivetKit } from "@rivetkit/react";

const { useActor } = createRivetKit(new URLSearchParams(location.search).get("troupe"));

function CodingSession() {
	const [messages, setMessages] = useState([]);
	const session = useActor({ name: "workspace", key: ["my-session"] });

	session.useEvent("session.event", (event) => {
		setMessages((prev) => [...prev, event]);
	});

	const sendPrompt = async (text) => {
		await session.connection?.prompt({ userId: "user-123", text });
	};

	return (
		<div>
			{messages.map((msg, i) => (
				<div key={i}>{JSON.stringify(msg)}</div>
			))}
			<button onClick={() => sendPrompt("Build a login page")}>
				Send Prompt
			</button>
		</div>
	);
}

export default CodingSession;
