{{- define "queuefold.name" -}}
{{- .Values.fullnameOverride | default (eq .Release.Name "queuefold" | ternary "queuefold" (printf "%s-queuefold" .Release.Name)) | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* The role's own: dict "root" $ "role" "fold" */}}
{{- define "queuefold.roleName" -}}
{{ include "queuefold.name" .root }}-{{ .role }}
{{- end }}

{{- define "queuefold.selector" -}}
app.kubernetes.io/name: queuefold
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "queuefold.labels" -}}
{{ include "queuefold.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "queuefold.roleSelector" -}}
{{ include "queuefold.selector" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "queuefold.roleLabels" -}}
{{ include "queuefold.labels" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "queuefold.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* The roles that go on running, as JSON. */}}
{{- define "queuefold.roles" -}}
{{- $roles := list -}}
{{- range list "bridge" "fold" "sink" "board" -}}
{{- if (index $.Values .).enabled -}}{{- $roles = append $roles . -}}{{- end -}}
{{- end -}}
{{- toJson $roles -}}
{{- end }}

{{/*
One share needs no ordinals: a Deployment replaces a pod on a lost node by itself, which a StatefulSet does not. Of several
shares, the pod's index says which is its own.
*/}}
{{- define "queuefold.bridgeKind" -}}
{{- eq (int .Values.bridge.shards) 1 | ternary "Deployment" "StatefulSet" -}}
{{- end }}

{{/* Of a role's pods; nothing: the namespace's default. Setup runs before the release's own is there: it has one of the hook's. */}}
{{- define "queuefold.serviceAccountName" -}}
{{- with .root.Values.serviceAccount -}}
{{- if not .create -}}{{ .name }}
{{- else if eq $.role "setup" -}}{{ .name | default (include "queuefold.name" $.root) }}-setup
{{- else -}}{{ .name | default (include "queuefold.name" $.root) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* dict "root" $ "role" "fold", and "annotations" of a hook */}}
{{- define "queuefold.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "queuefold.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "queuefold.labels" .root | nindent 4 }}
  {{- with merge (deepCopy .root.Values.serviceAccount.annotations) (.annotations | default dict) }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/* A value as text. Helm reads numbers as floating point: 1048576 would become 1.048576e+06. */}}
{{- define "queuefold.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}
