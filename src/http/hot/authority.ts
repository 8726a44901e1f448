/** The last authority that was found usable: the clients of one server mostly agree on its name. */
let known = "";

/** Whether a URL can be made of what a client calls this server. */
export function usableAuthority(authority: string | undefined): authority is string {
  if (authority === undefined) return false;
  if (authority === known) return true;
  if (!URL.canParse(`http://${authority}`)) return false;
  known = authority;
  return true;
}
