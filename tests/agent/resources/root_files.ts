/** What every image has, as far as resources look at it. */
export const ROOT_FILES: Readonly<Record<string, string>> = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsshd:x:22:22:sshd:/dev/null:/sbin/nologin\n",
  "/etc/group": "root:x:0:root\nwheel:x:10:root\nsshd:x:22:\n",
  "/etc/shadow": "root:*::0:::::\n",
  "/etc/psyopsos/image.json": '{"version":"7","epoch":1000}',
  "/bin/sh": "",
  "/run/x": "",
  "/home/x": "",
  "/root/x": "",
};
