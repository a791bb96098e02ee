"""What makes a Raspberry Pi enrol by itself: cloud-init user-data for the boot partition of Raspberry Pi OS (Trixie). Pure.

It fetches nothing from anywhere: the probe is on the image already, or its wheels lie in the folder `speedproof` beside the
user-data and are installed from there without an index; with them comes the extra `radio` if its wheel is among them. Where the
device has ModemManager, the modem's service is installed too. A unit repeats the first enrolment until it has worked, since the
modem may come up late and a Pi without a clock's battery begins in the past; a code that was refused ends it, and the
console says so. User-data is YAML: texts stand in literal blocks, so nothing in them needs quoting.
"""

import json
import textwrap
from typing import Final

from collector.provision.units import Ready
from shared.provision import write_provision

PROVISION_FILE: Final = "/etc/speedproof/provision.json"
SCRIPT_FILE: Final = "/usr/local/sbin/speedproof-first-boot"
UNIT_FILE: Final = "/etc/systemd/system/speedproof-first-boot.service"
STATE: Final = "/var/lib/speedproof"  # this and the user are those of `speedproof-probe service install`
USER: Final = "speedproof"
PROFILE_FILE: Final = "/etc/NetworkManager/system-connections/speedproof-modem.nmconnection"

SCRIPT: Final = f"""\
#!/bin/sh
# Makes this device a probe: its service first, which waits for an enrolment, then the enrolment, as the service's own user.
# Run at each start until that has worked.
set -eu
umask 022
wheels=/boot/firmware/speedproof
probe=$(command -v speedproof-probe || echo /opt/speedproof/bin/speedproof-probe)
if [ ! -x "$probe" ] && [ -d "$wheels" ]; then
  package=speedproof
  ls "$wheels"/dbus_fast-*.whl >/dev/null 2>&1 && package='speedproof[radio]'
  python3 -m venv --system-site-packages /opt/speedproof
  /opt/speedproof/bin/pip install --quiet --no-index --only-binary=:all: --find-links "$wheels" "$package" || exit 1
fi
if [ ! -x "$probe" ]; then
  echo "speedproof: this image has no speedproof-probe, and $wheels has no wheels to install it from" >&2
  exit 2
fi
modem=
[ "${{1-}}" != --with-modem ] || ! command -v mmcli >/dev/null || modem=--with-modem
"$probe" service install $modem || exit 1  # tried again, unlike what ends with 2
chown {USER}: {PROVISION_FILE}
runuser -u {USER} -- "$probe" enrol --from {PROVISION_FILE}
systemctl disable speedproof-first-boot.service
rm -f {PROVISION_FILE}
"""

_UNIT: Final = f"""\
[Unit]
Description=speedproof: enrol this device and start its service
Wants=network-online.target time-sync.target
After=network-online.target
ConditionPathExists={PROVISION_FILE}
StartLimitIntervalSec=0

[Service]
Type=oneshot
UMask=0077
Environment=SPEEDPROOF_STATE={STATE}
ExecStart={SCRIPT_FILE}{{modem}}
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=60
# 2: the code was refused or the file cannot be used; trying again would not help
RestartPreventExitStatus=2
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""

# A modem has no way out before somebody says by which access point; NetworkManager makes no such profile by itself.
_PROFILE: Final = """\
[connection]
id=speedproof-modem
type=gsm

[gsm]
apn={apn}

[ipv4]
method=auto

[ipv6]
method=auto
"""

_TECHNICIAN: Final = """\
ssh_pwauth: false
users:
  - name: technician
    groups: [sudo]
    shell: /bin/bash
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    lock_passwd: true
    ssh_authorized_keys: [{key}]
"""


def unit_file(*, modem: bool) -> str:
    """The unit of the first boot."""
    return _UNIT.format(modem=" --with-modem" if modem else "")


def user_data(ready: Ready, ssh_key: str = "", *, modem: bool = True, apn: str = "") -> str:
    """The file `user-data` of one device; with a public key a technician can log in as `technician`, else nobody is added.

    With an access point's name (APN) NetworkManager connects the modem by it.
    """
    unit = ready.unit
    return "".join(
        (
            "#cloud-config\n",
            f"# speedproof {unit.serial}, for the line {unit.subscriber}: `user-data` of the boot partition.\n",
            f"hostname: {hostname(unit.serial)}\nmanage_etc_hosts: localhost\n",
            _TECHNICIAN.format(key=json.dumps(ssh_key)) if ssh_key else "",
            "write_files:\n",
            _file(PROVISION_FILE, "0600", write_provision(ready.provision)),
            _file(SCRIPT_FILE, "0755", SCRIPT),
            _file(UNIT_FILE, "0644", unit_file(modem=modem)),
            _file(PROFILE_FILE, "0600", _PROFILE.format(apn=apn)) if apn else "",
            "runcmd:\n",
            "  - [nmcli, connection, reload]\n" if apn else "",
            "  - [systemctl, daemon-reload]\n",
            "  - [systemctl, enable, --now, --no-block, speedproof-first-boot.service]\n",
            "  - [systemctl, enable, --now, ssh]\n" if ssh_key else "",
        )
    )


def hostname(serial: str) -> str:
    """The name that a dozen devices in one network are told apart by: the serial, as far as a host may be called so."""
    return serial.replace("_", "-").strip("-").lower()


def _file(path: str, mode: str, content: str) -> str:
    head = f'  - path: {path}\n    owner: root:root\n    permissions: "{mode}"\n    content: |\n'
    return head + textwrap.indent(content, " " * 6)
