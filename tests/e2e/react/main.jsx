// SPDX-License-Identifier: Apache-2.0
/* A page of a React application, served from anywhere but Troupe. The address says what it shows:
 * ?troupe=http://127.0.0.1:6420&view=session|codingSession|log, and &strict for React's StrictMode. */

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

const wanted = new URLSearchParams(location.search);
const views = {
	session: () => import("./session.jsx"), codingSession: () => import("./coding_session.jsx"), log: () => import("./log.jsx"),
};
const { default: View } = await views[wanted.get("view")]();

createRoot(document.getElementById("root")).render(wanted.has("strict") ? <StrictMode><View /></StrictMode> : <View />);
