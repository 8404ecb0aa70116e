// Moving nodes of the board.

/** Put a node into a list without what is written or focused in it being lost. */
export function put(parent, node, before) {
  if (node.parentElement === parent && node.nextSibling === before) return;
  const active = document.activeElement;
  const holds = node.contains(active);
  if (parent.moveBefore && node.isConnected && parent.isConnected) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
  if (holds && document.activeElement !== active) active.focus({ preventScroll: true });
}
