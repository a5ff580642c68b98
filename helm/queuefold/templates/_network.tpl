{{/*
The port of an address, as text: of a URL, where its scheme means one, or of host:port. Digits at the end of a host name are
none, and neither are those of an IPv6 address in brackets.
*/}}
{{- define "queuefold.port" -}}
{{- $authority := regexReplaceAll "^[A-Za-z][A-Za-z0-9+.-]*://" . "" | regexFind "^[^/?#]*" -}}
{{- $port := regexFind ":[0-9]+$" (regexReplaceAll "^\\[[^]]*\\]" (regexReplaceAll "^.*@" $authority "") "") | trimPrefix ":" -}}
{{- if $port -}}{{ $port }}
{{- else if hasPrefix "https://" (lower .) -}}443
{{- else if hasPrefix "http://" (lower .) -}}80
{{- end -}}
{{- end }}

{{/*
The ports that a role connects to, as JSON, smallest first: those in its settings, those that the values name, and 443 where
it asks Genesys. Fails where a Secret hides a port and the values name none. dict "root" $ "role" "fold"
*/}}
{{- define "queuefold.ports" -}}
{{- $known := .root.Files.Get "settings.yaml" | fromYaml -}}
{{- $settings := include "queuefold.settings" . | fromYaml -}}
{{- $secrets := include "queuefold.secrets" . | fromYaml -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $ports := list -}}
{{- range $name := $known.addresses -}}
{{- $named := eq $name "KAFKA_BROKERS" | ternary "kafkaPorts" "otherPorts" -}}
{{- if and (hasKey $secrets $name) (not (index $policy $named)) -}}
{{- fail (printf "networkPolicy.%s: empty, and %s is in a Secret, where the chart cannot see its port: name it" $named $name) -}}
{{- end -}}
{{- range splitList "," (index $settings $name | default "") -}}
{{- with trim . }}{{ $ports = append $ports (include "queuefold.port" . | int) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range concat $policy.kafkaPorts $policy.otherPorts -}}{{- $ports = append $ports (int .) -}}{{- end -}}
{{- $client := or (hasKey $settings "GENESYS_CLIENT_ID") (hasKey $secrets "GENESYS_CLIENT_ID") -}}
{{- if and $client (has .role (list "bridge" "doctor")) -}}{{- $ports = append $ports 443 -}}{{- end -}}
{{- $ordered := list -}}
{{- range $ports | uniq | compact -}}{{- $ordered = append $ordered (printf "%05d" .) -}}{{- end -}}
{{- $result := list -}}
{{- range sortAlpha $ordered -}}{{- $result = append $result (atoi .) -}}{{- end -}}
{{- toJson $result -}}
{{- end }}

{{/* What a role's pods may connect to, and who may connect to them. "annotations": of a hook, or none. */}}
{{- define "queuefold.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "queuefold.roleName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "queuefold.roleLabels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "queuefold.roleSelector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- if has .role (list "bridge" "fold" "sink" "board") }}
  {{- $from := .root.Values.networkPolicy.from }}
  {{- if .root.Values.serviceMonitor.enabled }}
  {{- /* The operator labels its Prometheus so, in whatever namespace. */}}
  {{- $prometheus := dict "matchLabels" (dict "app.kubernetes.io/name" "prometheus") }}
  {{- $from = append $from (dict "namespaceSelector" dict "podSelector" $prometheus) }}
  {{- end }}
  {{- $viewers := eq .role "board" | ternary .root.Values.board.from list }}
  {{- if or $from $viewers }}
  ingress:
    {{- with $from }}
    - ports:
        - { protocol: TCP, port: http }
      from: {{- toYaml . | nindent 8 }}
    {{- end }}
    {{- with $viewers }}
    - ports:
        - { protocol: TCP, port: board }
      from: {{- toYaml . | nindent 8 }}
    {{- end }}
  {{- end }}
  {{- end }}
  egress:
    # DNS; OpenShift's listens on 5353.
    - ports:
        {{- range list 53 5353 }}
        - { protocol: UDP, port: {{ . }} }
        - { protocol: TCP, port: {{ . }} }
        {{- end }}
    - ports:
        {{- range include "queuefold.ports" . | fromJsonArray }}
        - { protocol: TCP, port: {{ . }} }
        {{- end }}
{{- end }}
