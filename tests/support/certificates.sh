#!/bin/sh
# certificates.sh DIR: makes, for tests, an authority (ca.pem), a server's certificate for localhost and 127.0.0.1
# (server.pem, server.key) and one for another name (other.pem, other.key), a client's (client.pem, client.key; locked.key
# is the same, encrypted with "open sesame"), and a stranger's authority and client (stranger-ca.pem, stranger.pem, .key).
set -eu
cd "$1"

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$2" \
    -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
# signed NAME AUTHORITY EXTENSION: a key and a certificate.
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf '%s\n' "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}

authority ca "kvkit test authority"
authority stranger-ca "another authority"
signed server ca 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'
signed other ca 'subjectAltName=DNS:other.example,IP:127.0.0.2'
signed client ca 'extendedKeyUsage=clientAuth'
signed stranger stranger-ca 'extendedKeyUsage=clientAuth'
openssl pkey -in client.key -aes128 -passout 'pass:open sesame' -out locked.key 2>/dev/null
