#!/bin/bash
# Runs other people's clients against `sleuth serve`, each from a virtual environment below
# target/clients, which is made where it is missing. Says which ran, in which version; ends with 1 if one
# failed.
#
#     scripts/clients.sh [skyrl] [mcp] [openenv] [aviary]
set -euo pipefail
cd "$(dirname "$0")/.."
home=target/clients
mkdir -p "$home"

# A virtual environment with the packages named.
environment() {
    local name=$1
    shift
    if [ ! -e "$home/$name/ready" ]; then
        python3 -m venv "$home/$name"
        "$home/$name/bin/pip" install --quiet "$@"
        touch "$home/$name/ready"
    fi
}

cargo build --quiet -p sleuth-cli
sleuth=${CARGO_TARGET_DIR:-target}/debug/sleuth
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/library"
cat > "$work/library/harbour.md" <<'END'
# The Glass Harbour

The Glass Harbour is a novel of 1911 by Mirela Tonkova. It tells of a lighthouse keeper who collects the
letters of drowned sailors.
END
cat > "$work/library/road.md" <<'END'
# The Salt Road

The Salt Road is a novel of 1923 by Anton Brezik. A caravan loses its way in a desert without stars.
END
cat > "$work/tasks.jsonl" <<'END'
{"schema": 1, "id": "author", "question": "Who wrote the novel The Glass Harbour?", "gold_answers": ["Mirela Tonkova"], "kind": "one_hop", "split": "train"}
{"schema": 1, "id": "caravan", "question": "Who wrote of a caravan that loses its way?", "gold_answers": ["Anton Brezik"], "kind": "one_hop", "split": "train"}
END
mkfifo "$work/told"
"$sleuth" --cache "$work/cache" serve --store "$work/library" --tasks "$work/tasks.jsonl" --port 0 --json > "$work/told" &
server=$!
read -r told < "$work/told"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["url"])' "$told")

failed=
run() {
    local name=$1 package=$2 program=$3
    environment "$name" "$package"
    "$home/$name/bin/python" "scripts/clients/$program" "$url" || failed="$failed $name"
}
for client in "${@:-skyrl mcp openenv aviary}"; do
    for name in $client; do
        case $name in
            skyrl) run skyrl skyrl-gym==0.4.0 skyrl.py ;;
            mcp) run mcp mcp==2.0.0 mcp_client.py ;;
            openenv) run openenv openenv==0.10.0 openenv_client.py ;;
            aviary) run aviary "fhaviary[server]==0.37.0" aviary_client.py ;;
            *) echo "unknown client \`$name\`: expected skyrl, mcp, openenv or aviary" >&2; exit 2 ;;
        esac
    done
done
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
