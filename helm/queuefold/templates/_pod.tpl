{{/*
The template of a role's pods, for what goes on running and for jobs.
dict "root" $ "role" "fold" "serves" true
*/}}
{{- define "queuefold.pod" -}}
{{- $role := index .root.Values .role -}}
{{- $known := .root.Files.Get "settings.yaml" | fromYaml -}}
{{- $secrets := include "queuefold.secrets" . | fromYaml -}}
{{- $ordinal := eq (include "queuefold.bridgeKind" .root) "StatefulSet" | and (eq .role "bridge") -}}
{{- $env := concat .root.Values.env $role.env -}}
{{- $volumes := concat .root.Values.volumes $role.volumes -}}
{{- $mounts := concat .root.Values.volumeMounts $role.volumeMounts -}}
{{- $mounted := dict -}}
{{- range $name, $from := $secrets }}{{ if has $name $known.files }}{{ $_ := set $mounted $name $from }}{{ end }}{{ end -}}
metadata:
  labels:
    {{- /* No versions here: a chart that changes nothing else restarts nothing. */}}
    {{- merge (include "queuefold.roleSelector" . | fromYaml) $role.podLabels .root.Values.podLabels | toYaml | nindent 4 }}
  annotations:
    checksum/settings: {{ include "queuefold.settings" . | sha256sum }}
    {{- with merge (deepCopy $role.podAnnotations) .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with include "queuefold.serviceAccountName" . }}
  serviceAccountName: {{ . }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The program gives itself 10 s: for the flush of what was read, and for leaving its group.
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    {{- range $name, $id := .root.Values.podSecurityContext }}
    {{- if not (kindIs "invalid" $id) }}
    {{ $name }}: {{ int64 $id }}
    {{- end }}
    {{- end }}
    seccompProfile: { type: RuntimeDefault }
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $role.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $role.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .serves }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "queuefold.roleSelector" $ | nindent 10 }}
    {{- end }}
  {{- else }}
  restartPolicy: Never
  {{- end }}
  containers:
    - name: {{ .role }}
      image: {{ include "queuefold.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      {{- if eq .role "board" }}
      args: {{- include "queuefold.boardArguments" .root | nindent 8 }}
      {{- else }}
      args: [{{ .role }}]
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      envFrom:
        - configMapRef: { name: {{ include "queuefold.roleName" . }} }
      {{- if or $secrets $ordinal $env }}
      env:
        {{- if $ordinal }}
        - name: POD_INDEX
          valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } }
        - name: SHARD
          value: $(POD_INDEX)/{{ int $role.shards }}
        {{- end }}
        {{- range $name, $from := $secrets }}
        {{- if has $name $known.paths }}
        - name: {{ $name }}
          value: /run/secrets/queuefold/{{ $name }}
        {{- else if has $name $known.files }}
        - name: {{ $name }}_FILE
          value: /run/secrets/queuefold/{{ $name }}
        {{- else }}
        - name: {{ $name }}
          valueFrom: { secretKeyRef: { name: {{ $from.name }}, key: {{ $from.key }} } }
        {{- end }}
        {{- end }}
        {{- with $env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- if .serves }}
      ports:
        - { name: http, containerPort: 9464 }
        {{- if eq .role "board" }}
        - { name: board, containerPort: 8090 }
        {{- end }}
      # Up: it answers at all, which it does before it is ready.
      startupProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 60
      # Alive: its loop turns. Never what it depends on: a restart would not bring that back.
      livenessProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # Ready: assigned and restored, and what it depends on answers.
      readinessProbe:
        httpGet: { path: /health/ready, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 3
      {{- end }}
      resources: {{- toYaml $role.resources | nindent 8 }}
      {{- if or $mounted $mounts }}
      volumeMounts:
        {{- if $mounted }}
        - { name: secrets, mountPath: /run/secrets/queuefold, readOnly: true }
        {{- end }}
        {{- with $mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- if or $mounted $volumes }}
  volumes:
    {{- if $mounted }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- range $name, $from := $mounted }}
          - secret:
              name: {{ $from.name }}
              items: [{ key: {{ $from.key }}, path: {{ $name }} }]
          {{- end }}
    {{- end }}
    {{- with $volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* The ConfigMap that such a pod reads. "annotations": of a hook, or none. */}}
{{- define "queuefold.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "queuefold.roleName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "queuefold.roleLabels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
data: {{- include "queuefold.settings" . | nindent 2 }}
{{- end }}
