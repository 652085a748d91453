// SPDX-License-Identifier: Apache-2.0
/* The React component of the "Manage Sessions" document, as it stands there but for the endpoint and the types. */

import { useState } from "react";
import { createRivetKit } from "@rivetkit/react";

const { useActor } = createRivetKit(new URLSearchParams(location.search).get("troupe"));

function CodingSession() {
  const [messages, setMessages] = useState([]);
  const session = useActor({ name: "codingSession", key: ["my-session"] });

  session.useEvent("agentEvent", (event) => {
    setMessages((prev) => [...prev, event]);
  });

  const sendPrompt = async (prompt) => {
    await session.connection?.postMessage(prompt);
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
