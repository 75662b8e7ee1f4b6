printf '%s\n' '1/2 host-1' '2/2 host-2' |
  xargs -P 2 -L 1 sh -c 'ssh "$1" seedvr image --from /data/urls.txt --shard "$0" -x 2 -o /data/big/'
