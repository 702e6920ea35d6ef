#!/usr/bin/env bash
# Real network elements in a network namespace of their own: an HLR, a router, an SNMP agent, a broker, a gateway.
#   setup.sh up DIR     starts what is not running yet and writes DIR/elements.json: where each element is, or why not
#   setup.sh down DIR   stops all of it and removes DIR: namespaces, links and files are as they were before
# Both may be said again at any time. Needs root; each element needs its Debian package, and one that is missing is named.
# Several DIRs stand side by side: the namespace and the network are named after the directory.
set -Eeuo pipefail
export PATH="$PATH:/usr/sbin:/sbin:/usr/lib/frr"

[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2 && exit 2; }
verb=$1 dir=$2
case $dir in /*) ;; *) echo "setup.sh: DIR must be absolute" >&2 && exit 2 ;; esac
if [ -d "$dir" ] && [ ! -e "$dir/.real-elements" ] && [ -n "$(ls -A "$dir")" ]; then
    echo "setup.sh: $dir holds files that are not of this script" >&2 && exit 2
fi
tag=$(printf %s "$dir" | cksum | cut -d' ' -f1)
ns=tl$tag gate=tg$((tag % 1000000000)) WAIT_S=20 LINES=80

have() { command -v "$1" >/dev/null; }
missing() { printf '%s\n' "$2" >"$dir/missing/$1"; }

need() { # need <element> <program ...>: true when all are there, else the element is named as missing
    local element=$1 program
    shift
    for program; do have "$program" || { missing "$element" "$program is not installed" && return 1; }; done
}

await() { # await <what> <command ...>
    local what=$1 deadline=$((SECONDS + WAIT_S))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "setup.sh: $what does not answer within $WAIT_S s" >&2
            return 1
        fi
        sleep 0.05
    done
}

within() { ip netns exec "$ns" "$@"; }

start() { # start <name> <program ...>: in the namespace, detached
    local name=$1
    shift
    setsid ip netns exec "$ns" "$@" >"$dir/log/$name" 2>&1 </dev/null &
    disown
}

listens() { within bash -c "exec 3<>/dev/tcp/$1/$2"; }

free_network() { # a /30 of 10.254 that no interface of this machine has
    local third=$((tag % 250))
    while ip -4 -o addr show | grep -q " 10\.254\.$third\."; do third=$(((third + 1) % 250)); done
    echo "10.254.$third"
}

make_namespace() {
    local net
    net=$(free_network)
    ip netns add "$ns"
    ip link add "$gate" type veth peer name mgmt netns "$ns"
    ip addr add "$net.1/30" dev "$gate"
    ip link set "$gate" up
    ip -n "$ns" addr add "$net.2/30" dev mgmt
    for link in lo mgmt; do ip -n "$ns" link set "$link" up; done
    for ((line = 0; line < LINES; line++)); do # subscribers' lines: down, their far ends up
        echo "link add line$line type veth peer name far$line"
        echo "link set far$line up"
    done | ip -n "$ns" -batch -
    echo "$net.2" >"$dir/host"
}

start_agent() {
    need snmpd snmpd || return 0
    mkdir -p "$dir/snmp"
    cat >"$dir/snmpd.conf" <<CONF
agentAddress udp:$host:161
createUser provisioning SHA-256 "$(cat "$dir/secret/auth_key")" AES "$(cat "$dir/secret/priv_key")"
rwuser provisioning authPriv
sysDescr Trunkline real agent
CONF
    start snmpd env MIBS= SNMP_PERSISTENT_DIR="$dir/snmp" snmpd -f -C -c "$dir/snmpd.conf" -Lf "$dir/log/agent"
    await snmpd within bash -c "grep -q ':00A1 ' /proc/net/udp"
}

start_register() {
    need osmo_hlr osmo-hlr || return 0
    cat >"$dir/hlr.cfg" <<'CONF'
line vty
 no login
 bind 127.0.0.1
ctrl
 bind 127.0.0.1
hlr
 gsup
  bind ip 127.0.0.1
CONF
    start osmo_hlr osmo-hlr -c "$dir/hlr.cfg" -l "$dir/hlr.db"
    await osmo-hlr listens 127.0.0.1 4258
}

start_router() {
    need frr zebra vtysh || return 0
    mkdir -p "$dir/frr"
    touch "$dir/frr/zebra.conf" "$dir/frr/vtysh.conf"
    chown -R frr:frr "$dir/frr"
    start frr zebra -P 0 --vty_socket "$dir/frr" -i "$dir/frr/pid" -z "$dir/frr/api" -f "$dir/frr/zebra.conf" \
        --log "file:$dir/frr/log"
    await FRR test -S "$dir/frr/zebra.vty"
}

start_sshd() {
    need sshd sshd ssh-keygen || return 0
    ssh-keygen -q -t ed25519 -N '' -f "$dir/secret/host_key"
    local user rule
    : >"$dir/authorized_keys"
    for user in register router gateway; do # one key for each element, and it opens nothing else
        ssh-keygen -q -t ed25519 -N '' -C "$user" -f "$dir/secret/$user"
        case $user in
        register) rule='restrict,port-forwarding,permitopen="127.0.0.1:4258",command="/bin/false"' ;;
        router) rule="restrict,pty,command=\"$(command -v vtysh || echo vtysh) --vty_socket $dir/frr --config_dir $dir/frr\"" ;;
        gateway) rule="restrict,port-forwarding,permitopen=\"$host:22\"" ;; # commands, and the way to this host
        esac
        printf '%s %s\n' "$rule" "$(cat "$dir/secret/$user.pub")" >>"$dir/authorized_keys"
    done
    cat >"$dir/sshd_config" <<CONF
ListenAddress $host:22
HostKey $dir/secret/host_key
AuthorizedKeysFile $dir/authorized_keys
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PrintMotd no
CONF
    # sshd wants /run/sshd: it gets one in its own mount namespace, which ends with it
    start sshd sh -c 'mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"' sh "$(command -v sshd)" -D -e \
        -f "$dir/sshd_config"
    await sshd listens "$host" 22
}

certificate() { # certificate <name> <common name> <issuer>
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
        -keyout "$dir/secret/$1.key" -out "$dir/secret/$1.csr" 2>>"$dir/log/openssl"
    openssl x509 -req -in "$dir/secret/$1.csr" -CA "$dir/secret/$3.crt" -CAkey "$dir/secret/$3.key" -CAcreateserial \
        -days 2 -extfile <(echo "subjectAltName=IP:$host") -out "$dir/secret/$1.crt" 2>>"$dir/log/openssl"
}

authority() { # authority <name>
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$dir/secret/$1.key" -out "$dir/secret/$1.crt" 2>>"$dir/log/openssl"
}

start_broker() {
    need mosquitto mosquitto mosquitto_passwd openssl || return 0
    authority ca
    authority stranger_ca
    certificate broker broker ca
    certificate gateway_client gateway ca
    certificate device_client device ca
    certificate stranger stranger stranger_ca
    local user
    touch "$dir/passwords"
    for user in gateway device; do mosquitto_passwd -b "$dir/passwords" "$user" "$(cat "$dir/secret/$user.password")"; done
    cat >"$dir/acl" <<'CONF'
user gateway
topic readwrite t1/gateway/+/echo
topic write t1/devices/+/desired
topic write t1/devices/+/get
topic deny t1/devices/forbidden/desired
topic deny t1/devices/forbidden/get
topic read t1/devices/#

user device
topic read t1/devices/+/desired
topic read t1/devices/+/get
topic write t1/devices/+/reported
topic write t1/devices/+/presence
CONF
    cat >"$dir/mosquitto.conf" <<CONF
listener 8883 $host
cafile $dir/secret/ca.crt
certfile $dir/secret/broker.crt
keyfile $dir/secret/broker.key
require_certificate true
allow_anonymous false
password_file $dir/passwords
acl_file $dir/acl
set_tcp_nodelay true
user root
CONF
    start mosquitto mosquitto -c "$dir/mosquitto.conf"
    await mosquitto listens "$host" 8883
}

make_gateway() { # a subscribers' side and an internet side, and what stands between them
    need nft nft || return 0
    local side
    for side in home world; do
        ip netns add "$ns-$side"
        ip link add "$side" netns "$ns" type veth peer name uplink netns "$ns-$side"
        ip -n "$ns" link set "$side" up
        ip -n "$ns-$side" link set lo up
        ip -n "$ns-$side" link set uplink up
    done
    ip -n "$ns" addr add 10.77.0.1/24 dev home
    ip -n "$ns" addr add 10.78.0.1/24 dev world
    ip -n "$ns-world" addr add 10.78.0.2/24 dev uplink
    for ((last = 2; last < 60; last++)); do echo "addr add 10.77.0.$last/24 dev uplink"; done | ip -n "$ns-home" -batch -
    ip -n "$ns-home" route add default via 10.77.0.1
    ip -n "$ns-world" route add default via 10.78.0.1
    within sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    within nft -f "$(dirname "$0")/gateway.nft" || { missing nft "this kernel has no nft sets, limits or maps" && return 0; }
}

say_where() {
    HOST=$host NS=$ns python3 - "$dir" <<'PY'
import json, os, pathlib, sys
where, host = pathlib.Path(sys.argv[1]), os.environ["HOST"]
told = {"host": host, "namespace": os.environ["NS"], "missing": {p.name: p.read_text().strip() for p in (where / "missing").iterdir()}}
told["secrets"] = {p.name: p.read_text() for p in (where / "secret").iterdir()}
(where / "elements.json.new").write_text(json.dumps(told))
(where / "elements.json.new").rename(where / "elements.json")
PY
}

up() {
    if [ -e "$dir/elements.json" ]; then return; fi
    down # what an interrupted start has left
    [ "$(id -u)" -eq 0 ] || { echo "setup.sh: needs root" >&2 && exit 3; }
    have ip || { echo "setup.sh: ip is not installed (iproute2)" >&2 && exit 3; }
    trap 'give_up $LINENO' ERR
    mkdir -p "$dir"
    touch "$dir/.real-elements"
    mkdir -p "$dir"/{log,missing,secret}
    chmod 711 "$dir"
    chmod 700 "$dir/secret"
    for secret in auth_key priv_key gateway.password device.password; do
        od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$dir/secret/$secret"
    done
    make_namespace
    host=$(cat "$dir/host")
    start_agent
    start_register
    start_router
    start_sshd
    start_broker
    make_gateway
    say_where
}

give_up() {
    trap - ERR
    echo "setup.sh: line $1 failed" >&2
    tail -n 5 "$dir"/log/* >&2 || true
    down
    exit 1
}

down() {
    local pid name
    for name in $(ip netns list 2>/dev/null | cut -d' ' -f1 | grep -E "^$ns(-home|-world)?\$" || true); do
        for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
        ip netns del "$name"
    done
    ip link del "$gate" 2>/dev/null || true
    [ ! -e "$dir/.real-elements" ] || rm -rf "$dir"
}

case $verb in
up | down) "$verb" ;;
*) sed -n '2,6p' "$0" >&2 && exit 2 ;;
esac
