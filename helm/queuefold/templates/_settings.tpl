{{/*
The settings of a role, as YAML: those of all roles that it reads, and its own.
settings.yaml says which it reads; it is generated from the program.
*/}}
{{- define "queuefold.settings" -}}
{{- $known := .root.Files.Get "settings.yaml" | fromYaml -}}
{{- $all := mergeOverwrite (deepCopy .root.Values.settings) (index .root.Values .role).settings -}}
{{- $settings := dict -}}
{{- range $name := index $known.roles .role -}}
{{- if and (hasKey $all $name) (not (has (toString (index $all $name)) (list "" "<nil>"))) -}}
{{- $_ := set $settings $name (include "queuefold.text" (index $all $name)) -}}
{{- end -}}
{{- end -}}
{{- if eq .role "bridge" -}}
{{- with .root.Values.bridge -}}
{{- if and (gt (int .copies) 1) (not (hasKey $settings "GENESYS_CHANNELS")) -}}
{{- /* An OAuth client has 20, of which two are left to replace others. */ -}}
{{- $_ := set $settings "GENESYS_CHANNELS" (toString (max 1 (div 18 (mul .shards .copies)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* The secrets of a role, as YAML: {SETTING: {name, key}}; a setting with a plain value has none. */}}
{{- define "queuefold.secrets" -}}
{{- $known := .root.Files.Get "settings.yaml" | fromYaml -}}
{{- $settings := include "queuefold.settings" . | fromYaml -}}
{{- $all := mergeOverwrite (deepCopy .root.Values.secrets) (index .root.Values .role).secrets -}}
{{- $secrets := dict -}}
{{- range $name := index $known.roles .role -}}
{{- if and (index $all $name) (not (hasKey $settings $name)) -}}
{{- $_ := set $secrets $name (index $all $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $secrets -}}
{{- end }}

{{/* Fails where a role lacks what it needs, or has what does not go together. */}}
{{- define "queuefold.check" -}}
{{- $has := merge (include "queuefold.settings" . | fromYaml) (include "queuefold.secrets" . | fromYaml) -}}
{{- $needed := dict "KAFKA_BROKERS" "host:port, several separated by commas" "SCHEMA_REGISTRY_URL" "such as http://registry:8081" -}}
{{- if and (has .role (list "sink" "setup" "doctor")) .root.Values.sink.enabled -}}
{{- $_ := set $needed "CLICKHOUSE_URL" "such as http://clickhouse:8123" -}}
{{- end -}}
{{- range $name, $form := $needed -}}
{{- if not (hasKey $has $name) -}}
{{- fail (printf "settings.%s: not set, and %s needs it: %s" $name $.role $form) -}}
{{- end -}}
{{- end -}}
{{- $known := .root.Files.Get "settings.yaml" | fromYaml -}}
{{- range concat .root.Values.env (index .root.Values .role).env -}}
{{- if has (trimSuffix "_FILE" .name) (concat $known.roles.doctor $known.own) -}}
{{- fail (printf "env: %s: a setting; allowed: other variables of the process. Give it under settings or secrets" .name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .role "board") (not (hasKey $has "BOARD_PASSWORD")) (not .root.Values.board.proxyHeader) -}}
{{- fail "secrets.BOARD_PASSWORD: not set, and neither is board.proxyHeader: everybody in the cluster could look. Name a Secret with a password" -}}
{{- end -}}
{{- with (index .root.Values .role).autoscaling -}}
{{- $partitions := int (index $has "PARTITIONS" | default $known.partitions) -}}
{{- if ne .by "none" -}}
{{- if gt (int .maxReplicas) $partitions -}}
{{- fail (printf "%s.autoscaling.maxReplicas: %d; allowed with PARTITIONS=%d: at most so many, since each replica needs a partition" $.role (int .maxReplicas) $partitions) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "%s.autoscaling.minReplicas: %d; allowed with maxReplicas %d: at most so many" $.role (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
