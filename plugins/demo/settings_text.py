"""The town's settings file, as its operators would write it."""

SETTINGS = """\
# The small town of `facewarden demo`. Every key is explained in docs/settings.md.
controller:
  name: Riverside Town Services
  contact: dpo@riverside.example
  timezone: Asia/Shanghai
policy: cn-draft-2023
policies:                             # and what else applies
  - policy: cn-measures-2025
  - policy: cn-video-799
    stores: [station-cameras]
evidence: ./evidence
reports: ./reports
secrets: ./secrets
coverage_floor: 0.95
stores:
  - name: station-cameras
    url: ./stores/station-cameras
    zone: station-hall
    public_place: true
    venue: station
    purpose: public_security
    owner: facilities
    retention: {max_days: 30}
    captured_pattern: "%Y%m%dT%H%M%S"   # the cameras write the time into the file's name
  - name: office-lobby                  # these write it into EXIF
    url: ./stores/office-lobby
    zone: office-lobby
    purpose: building_security
    owner: facilities
    retention: {max_days: 60}
  - name: gym-entrance                  # and of these only the store knows when they came
    url: ./stores/gym-entrance
    zone: gym
    purpose: access_control
    owner: sports
    retention: {max_days: 90}
databases:
  - name: access-control
    url: sqlite:///./access.db
    zone: gates
    purpose: access_control
    owner: security
    retention: {max_days: 365}
    tables:
      - table: people
        key: person_id
        person_id: person_id
        image_blob: photo
        template: template
        stored_at: enrolled_at
        last_interaction_at: last_seen_at
        born_on: birth_date
consents:
  - name: registry
    url: sqlite:///./registry.db
    table: consents
    columns:
      subject: person_id
      purpose: purpose
      kind: kind
      granted_at: granted_at
      withdrawn_at: withdrawn_at
      expires_at: expires_at
      guardian: by_guardian
"""
