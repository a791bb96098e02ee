"""Making the probe a service of the machine it stands on: which files, which commands, and words on what comes next.

Everything that differs between systems is a plan made by a pure function (`systemd`, `termux`, `launchd`, `windows`);
`apply` alone writes files and runs commands.
"""
