parallel --sshlogin host-1,host-2 --jobs 2 --retries 3 \
  seedvr image --from /data/urls.txt --shard {}/8 -x 2 -o /data/big/ ::: 1 2 3 4 5 6 7 8
